"""The mutants follow the code, which `make test-mutations` would find out only after an hour."""

from __future__ import annotations

import pytest
from tests.harness.command import ROOT
from tests.mutations.mutants import MUTANTS, Mutant

each_mutant = pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.promise.replace(" ", "-"))


@each_mutant
def test_a_mutant_changes_what_stands_once_in_the_code(mutant: Mutant) -> None:
    for edit in mutant.edits:
        text = (ROOT / "src" / "tidemill" / edit.file).read_text(encoding="utf-8")
        assert text.count(edit.old) == 1, f"{edit.file} has the text {text.count(edit.old)} times:\n{edit.old}"
        compile(text.replace(edit.old, edit.new), edit.file, "exec")


@each_mutant
def test_the_tests_that_are_to_notice_a_mutant_are_there(mutant: Mutant) -> None:
    for test in mutant.tests:
        file, _, name = test.partition("::")
        text = (ROOT / file).read_text(encoding="utf-8")
        assert f"def {name.partition('[')[0]}(" in text or not name, f"{file} has no test {name}"
