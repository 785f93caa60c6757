"""From the places where settings are given to one checked tree, each value with its origin; the edges call it once.

defaults < profile file < `.env` < secrets directory < environment < what the caller gives. All faults found anywhere
are reported together. This is the only module that reads the environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from tidemill.errors import Invalid
from tidemill.settings.aliases import PROFILE_SYNONYMS
from tidemill.settings.catalogue import SECRETS, catalogue, find
from tidemill.settings.checks import check
from tidemill.settings.layers import (
    Given,
    Layer,
    parse_text,
    read_overrides,
    read_profile,
)
from tidemill.settings.problems import Problem, shown
from tidemill.settings.tree import Profile, Settings
from tidemill.settings.variables import read_dotenv, read_secrets, read_variables, variables_of_profile

_PACKAGE = Path(__file__).resolve().parent.parent
_DEFAULT_SECRETS = Path("/run/secrets")


@dataclass(frozen=True, slots=True)
class Origin:
    """A setting's value, masked if secret, and where it came from."""

    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """The tree, the origin of each value by dotted name, and variables ignored because the profile is `local`."""

    settings: Settings
    origins: Mapping[str, Origin]
    ignored: tuple[str, ...]


def load_settings(
    overrides: Mapping[str, Any] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Settings:
    """The settings in force.

    `overrides` are what the command line gives, by dotted name (`{"crawl.concurrency": 4}`) or nested; `None` values
    count as not given. `environ` stands for the environment, `directory` is where `.env` is (default: the working
    directory). Raises `Invalid` (reason `settings`) with every problem found.
    """
    return load(overrides, environ=environ, directory=directory).settings


def origins(
    overrides: Mapping[str, Any] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Mapping[str, Origin]:
    """Each setting's value, masked if secret, with where it came from. Arguments and errors as `load_settings`."""
    return load(overrides, environ=environ, directory=directory).origins


def load(
    overrides: Mapping[str, Any] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Loaded:
    """Settings, origins and ignored variables at once. Arguments and errors as `load_settings`."""
    environ = os.environ if environ is None else environ
    directory = Path.cwd() if directory is None else directory
    dotenv_path = directory / ".env"
    dotenv, problems = read_dotenv(dotenv_path)
    given = read_overrides(overrides or {})
    profile = _choose_profile(given, environ, dotenv, problems)
    use_aliases = profile.value != "local"
    layers = [
        *_profile_layers(str(profile.value), _folder("TIDEMILL_CONFIG_DIR", environ, dotenv, directory), problems),
        read_variables(dotenv, kind=str(dotenv_path), base=directory, use_aliases=use_aliases),
        *_secret_layers(_folder("TIDEMILL_SECRETS_DIR", environ, dotenv, directory), use_aliases, problems),
        read_variables(environ, kind="environment variable", base=directory, use_aliases=use_aliases),
        given,
    ]
    values: dict[str, Given] = {}
    for layer in layers:
        values |= layer.values
        problems += layer.problems
    values["profile"] = profile
    settings = _build(values, problems)
    if problems:
        raise _invalid(problems)
    ignored = tuple(dict.fromkeys(name for layer in layers for name in layer.ignored))
    return Loaded(settings, _origins(settings, values), ignored)


def find_profile(name: str, folder: Path | None = None) -> Path | None:
    """The file of profile `name`: in `folder`, or else as shipped (in the installed package, or in the source tree)."""
    places = [folder] if folder else [_PACKAGE / "config", _PACKAGE.parent.parent / "config"]
    return next((path for place in places if (path := place / f"{name}.yaml").is_file()), None)


def _choose_profile(
    given: Layer, environ: Mapping[str, str], dotenv: Mapping[str, str], problems: list[Problem]
) -> Given:
    chosen = given.values.get("profile")
    for kind, variables in (("environment variable", environ), (".env", dotenv)):
        found = variables_of_profile(variables)
        if chosen is None and found is not None:
            chosen = Given(found[1], f"{kind} {found[0]}")
    if chosen is None:
        return Given("local", "default")
    name = str(chosen.value).strip().lower()
    name = PROFILE_SYNONYMS.get(name, name)
    if name in get_args(Profile):
        return Given(name, chosen.origin)
    choices = ", ".join(get_args(Profile))
    remedy = f"set TIDEMILL_PROFILE to one of {choices}"
    problems.append(Problem("profile", "no such profile", remedy, shown("profile", chosen.value), chosen.origin))
    return Given("local", chosen.origin)


def _folder(variable: str, environ: Mapping[str, str], dotenv: Mapping[str, str], base: Path) -> Path | None:
    value = environ.get(variable) or dotenv.get(variable)
    return base / Path(value).expanduser() if value else None


def _profile_layers(profile: str, folder: Path | None, problems: list[Problem]) -> list[Layer]:
    """The shipped file of the profile, and over it the one of the operator's own folder, if there is such a folder."""
    shipped = find_profile(profile)
    if shipped is None:
        raise Invalid(
            f"the file {profile}.yaml of profile {profile} is missing; install Tidemill again", reason="settings"
        )
    own = find_profile(profile, folder) if folder else None
    if folder and not folder.is_dir():
        problems.append(Problem("TIDEMILL_CONFIG_DIR", "no such folder", "name one that exists", str(folder)))
    return [read_profile(path) for path in (shipped, own) if path is not None]


def _secret_layers(folder: Path | None, use_aliases: bool, problems: list[Problem]) -> list[Layer]:
    if folder is None:
        return [read_secrets(_DEFAULT_SECRETS, use_aliases=use_aliases)] if _DEFAULT_SECRETS.is_dir() else []
    if not folder.is_dir():
        problems.append(Problem("TIDEMILL_SECRETS_DIR", "no such folder", "name one that exists", str(folder)))
        return []
    return [read_secrets(folder, use_aliases=use_aliases)]


def _build(values: Mapping[str, Given], problems: list[Problem]) -> Settings:
    """The tree of `values`. What is wrong is added to `problems` and replaced by its default, so that all is found."""
    try:
        settings = Settings.model_validate(_nest(values))
    except ValidationError as error:
        wrong = {
            _setting_at(fault["loc"]): fault["msg"] for fault in error.errors(include_url=False, include_input=False)
        }
        problems += [_mistyped(name, message, values[name]) for name, message in wrong.items()]
        settings = Settings.model_validate(_nest({name: value for name, value in values.items() if name not in wrong}))
    else:
        wrong = {}
    for problem in check(settings):
        given = values.get(problem.name)
        if problem.name not in wrong:
            value = _value_of(settings, problem.name)
            problems.append(
                replace(problem, value=shown(problem.name, value), origin=given.origin if given else "default")
            )
    return settings


def _nest(values: Mapping[str, Given]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, given in values.items():
        *path, last = name.split(".")
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node[last] = parse_text(name, given.value)
    return tree


def _setting_at(location: tuple[int | str, ...]) -> str:
    """The setting that a validation error speaks of: the longest beginning of its place that is one."""
    parts = [str(part) for part in location]
    return next(name for end in range(len(parts), 0, -1) if find(name := ".".join(parts[:end])) is not None)


def _mistyped(name: str, message: str, given: Given) -> Problem:
    wrong = message[:1].lower() + message[1:]
    setting = find(name)
    expects = setting.expects if setting else "nothing"
    return Problem(name, wrong, f"it takes: {expects}", shown(name, given.value), given.origin)


def _invalid(problems: Iterable[Problem]) -> Invalid:
    lines = tuple(dict.fromkeys(str(problem) for problem in problems))
    plural = "problem" if len(lines) == 1 else "problems"
    text = "\n".join(f"  {line}" for line in lines)
    return Invalid(f"{len(lines)} {plural} in the settings:\n{text}", reason="settings", problems=lines)


def _value_of(settings: Settings, name: str) -> object:
    group, _, secret = name.partition(".")
    if group == SECRETS:
        return settings.secrets[secret]
    value: object = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def _origins(settings: Settings, values: Mapping[str, Given]) -> dict[str, Origin]:
    resolved = {
        "database.url": settings.database_url,
        "archive.url": settings.archive_url,
        "search.url": settings.search_url,
    }
    return {
        name: Origin(
            shown(name, resolved.get(name) or _value_of(settings, name)),
            values[name].origin if name in values else "default",
        )
        for name in (*catalogue(), *(f"{SECRETS}.{name}" for name in sorted(settings.secrets)))
    }
