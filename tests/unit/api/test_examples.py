"""The examples of the OpenAPI document: each is what its model takes or gives, and none speaks of what is not there."""

from __future__ import annotations

import json
from types import ModuleType

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from tidemill.api.examples import EXAMPLES
from tidemill.api.schemas import account, deadletter, document, event, export, problem, run, search, service, source
from tidemill.manage.source_mapping import read_mapping
from tidemill.manage.source_schema import source_schema

_MODULES: tuple[ModuleType, ...] = (
    account,
    deadletter,
    document,
    event,
    export,
    problem,
    run,
    search,
    service,
    source,
)
MODELS: dict[str, type[BaseModel]] = {
    name: value
    for module in _MODULES
    for name, value in vars(module).items()
    if isinstance(value, type) and issubclass(value, BaseModel)
}


@pytest.mark.parametrize("name", sorted(EXAMPLES.keys() - {"NewSource"}))
def test_an_example_is_of_its_model(name: str) -> None:
    MODELS[name].model_validate_json(json.dumps(EXAMPLES[name]))


@pytest.mark.parametrize("name", sorted(EXAMPLES.keys() - {"NewSource"}))
def test_an_answer_leaves_nothing_out(name: str) -> None:
    required = {field for field, told in MODELS[name].model_fields.items() if told.is_required()}
    assert required <= EXAMPLES[name].keys() <= MODELS[name].model_fields.keys()


def test_the_source_is_one() -> None:
    assert read_mapping(dict(EXAMPLES["NewSource"])).name == "manual"
    Draft202012Validator(source_schema("#/$defs/{model}")).validate(EXAMPLES["NewSource"])
