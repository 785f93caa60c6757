"""Settings given as variables: the environment, a `.env` file, a secrets directory (one file for each variable).

`load.py` asks for each of them as a layer. Names are not case-sensitive, empty values count as not given, `NAME_FILE`
names the file that holds NAME's value, and an unknown name that begins with `TIDEMILL_` is a problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from dotenv.parser import parse_stream

from tidemill.settings.aliases import ALIASES, PROFILE_ALIASES
from tidemill.settings.catalogue import NAMING_RULE, PREFIX, SECRETS, by_variable, find_variable, groups, variable
from tidemill.settings.layers import Given, Layer
from tidemill.settings.problems import Problem, nearest

RESERVED = ("TIDEMILL_PROFILE", "TIDEMILL_CONFIG_DIR", "TIDEMILL_SECRETS_DIR")
"""Variables that say where the other settings are; `load.py` looks at them first."""

TEST_PREFIX = "TIDEMILL_TEST_"
"""Variables of the test suite, which are no settings."""

_LARGEST_SECRET_BYTES = 65_536
_SECRETS = f"{SECRETS.upper()}__"


def read_dotenv(path: Path) -> tuple[dict[str, str], list[Problem]]:
    """The variables of a `.env` file, values taken as they are (no `$` expansion), and its unreadable lines."""
    variables: dict[str, str] = {}
    problems = []
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}, []
    except (OSError, UnicodeDecodeError) as error:
        return {}, [Problem(str(path), str(error), "make it readable UTF-8 text, or remove it")]
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            place = f"{path}, line {binding.original.line}"
            problems.append(Problem(place, "not of the form NAME=value", "correct the line"))
        elif binding.key is not None and binding.value is not None:
            variables[binding.key] = binding.value
    return variables, problems


def read_variables(variables: Mapping[str, str], *, kind: str, base: Path, use_aliases: bool) -> Layer:
    """The settings among `variables`; `kind` says what they are. `NAME_FILE` gives the file that holds NAME's value.

    Names are not case-sensitive; empty values count as not given. Relative files are looked up below `base`.
    """
    layer = Layer()
    own: dict[str, Given] = {}
    for original, value in sorted(variables.items()):
        name = original.upper()
        if not value or name in RESERVED or name.startswith(TEST_PREFIX):
            continue
        target, is_file = _target(name)
        if target is None:
            if name.startswith(PREFIX):
                layer.problems.append(_unknown(original, kind))
            continue
        is_alias = not name.startswith(PREFIX)
        if is_alias and not use_aliases:
            layer.ignored.append(original)
            continue
        given: Given | Problem = Given(value, f"{kind} {original}")
        if is_file:
            given = _read_secret_file(base / Path(value).expanduser(), f"{kind} {original}")
        if isinstance(given, Problem):
            layer.problems.append(given)
        elif is_alias:
            layer.values.setdefault(target, given)
        elif target in own:
            layer.problems.append(_twice(target, own[target], given))
        else:
            own[target] = given
    layer.values |= own
    return layer


def read_secrets(directory: Path, *, use_aliases: bool) -> Layer:
    """The settings among a secrets directory's files.

    They are named `api__keys`, `TIDEMILL_API__KEYS`, `secrets__name`, or `database_url` (an alias).
    """
    layer = Layer()
    own: dict[str, Given] = {}
    for path in sorted(directory.iterdir()):
        name = path.name.upper()
        target = find_variable(name) or find_variable(PREFIX + name)
        alias = ALIASES.get(name) if target is None else None
        if target is None and name.startswith((PREFIX, _SECRETS)):
            layer.problems.append(_unknown(str(path), "secrets directory"))
        if alias is not None and not use_aliases:
            layer.ignored.append(str(path))
        if not (target or (alias and use_aliases)) or not path.is_file():
            continue
        given = _read_secret_file(path, "secrets directory")
        if isinstance(given, Problem):
            layer.problems.append(given)
        elif target:
            own[target] = given
        elif alias:
            layer.values.setdefault(alias, given)
    layer.values |= own
    return layer


def variables_of_profile(variables: Mapping[str, str]) -> tuple[str, str] | None:
    """The variable that chooses the profile, and its value."""
    by_name = {name.upper(): (name, value) for name, value in variables.items() if value}
    for name in ("TIDEMILL_PROFILE", *PROFILE_ALIASES):
        if name in by_name:
            return by_name[name]
    return None


def _target(name: str) -> tuple[str | None, bool]:
    """The setting that a variable sets, and whether it names a file that holds the value."""
    for candidate, is_file in ((name, False), (name.removesuffix("_FILE"), name.endswith("_FILE"))):
        target = find_variable(candidate) or ALIASES.get(candidate)
        if target is not None:
            return target, is_file
    return None, False


def _read_secret_file(path: Path, origin: str) -> Given | Problem:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_SECRET_BYTES + 1)
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return Problem(str(path), str(error), "name a readable UTF-8 file", origin=origin)
    if len(content) > _LARGEST_SECRET_BYTES:
        return Problem(
            str(path), "too large for a secret", f"keep it under {_LARGEST_SECRET_BYTES} bytes", origin=origin
        )
    return Given(text.strip(), f"{origin}: file {path}")


def _unknown(original: str, kind: str) -> Problem:
    names = [*by_variable(), *RESERVED]
    stem = Path(original).name.upper()
    group = stem.removeprefix(PREFIX).lower()
    if group in groups():
        return Problem(original, "a group of settings, not one", f"set {variable(group)}__…", origin=kind)
    if stem.removeprefix(PREFIX).startswith(_SECRETS):
        return Problem(original, "no such setting", NAMING_RULE, origin=kind)
    return Problem(original, "no such setting", nearest(stem, names), origin=kind)


def _twice(name: str, first: Given, second: Given) -> Problem:
    return Problem(name, "given twice", "keep one of the two", origin=f"{first.origin} and {second.origin}")
