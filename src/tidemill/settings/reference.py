"""The page of all settings for people: made from the tree, so that it cannot say anything else than the code.

Written to `docs/reference/settings.md` by `make docs`; a documentation test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator

from tidemill.settings.aliases import ALIASES, PROFILE_SYNONYMS, aliases_of
from tidemill.settings.catalogue import SECRETS, Setting, catalogue, groups

_INTRODUCTION = """\
# Settings

<!-- Written by `make docs` from the code; edit src/tidemill/settings/ instead. -->

```console
$ tidemill config show     # every setting in force, and where it came from
$ tidemill config check    # every problem at once
```

Each place wins over those before it:

1. the defaults below;
2. the profile's file, `config/<profile>.yaml` (as shipped, and over it the one in `TIDEMILL_CONFIG_DIR`);
3. the file `.env` in the working directory;
4. the files of the secrets directory (`TIDEMILL_SECRETS_DIR`, default `/run/secrets` if it exists), one for each
   variable, named like it, in upper or lower case, with or without `TIDEMILL_`;
5. the environment;
6. the command line.

Variables are not case-sensitive. An empty value counts as not given. Lists are separated by commas. `none` stands for
no value where a setting may have none. `NAME_FILE` names a file that holds the value of `NAME`. An unknown name that
begins with `TIDEMILL_` is an error, so that a typing error cannot go unnoticed.

The profile is chosen by `TIDEMILL_PROFILE`, or else by `DEPLOYMENT_ENV` or `ENVIRONMENT`
({synonyms}).
The aliases in the last column hold in every profile but `local`, where a stray `DATABASE_URL` in a shell must not move
someone's data; `tidemill doctor` names those it ignores.
"""

_HEADER = """\
| Setting | Variable | Takes | Default | What it does | Aliases |
|---|---|---|---|---|---|
"""

_SECRETS = """
The names are yours: a-z, 0-9 and `_`, not ending in `_file`. A secret called `token` is given in one of these ways:

| Where | How |
|---|---|
| environment, `.env` | `TIDEMILL_SECRETS__TOKEN=…` |
| environment, `.env` | `TIDEMILL_SECRETS__TOKEN_FILE=path` of a file that holds it |
| secrets directory | a file `secrets__token` |
| profile file | `secrets: {token: …}` |

`tidemill config show` lists their names and where each came from, never their values.
[Requests](../howto/requests.md) shows how sources use them.
"""


def render_reference() -> str:
    """The whole page as Markdown."""
    synonyms = ", ".join(f"`{given}` means `{meant}`" for given, meant in PROFILE_SYNONYMS.items())
    parts = [_INTRODUCTION.format(synonyms=synonyms), "\n## General\n\n", _HEADER, *_rows("")]
    for group, about in groups().items():
        parts.append(f"\n## {group}\n\n{about}\n")
        parts += [_SECRETS] if group == SECRETS else ["\n", _HEADER, *_rows_below(f"{group}.")]
    parts += ["\n## Aliases\n\n| Alias | Setting |\n|---|---|\n"]
    parts += [f"| `{alias}` | `{name}` |\n" for alias, name in sorted(ALIASES.items())]
    return "".join(parts)


def _rows(prefix: str) -> Iterator[str]:
    for name, setting in catalogue().items():
        if name.startswith(prefix) and "." not in name[len(prefix) :]:
            yield _row(setting)


def _rows_below(prefix: str) -> Iterator[str]:
    """The settings of a group and of the groups within it."""
    return (_row(setting) for name, setting in catalogue().items() if name.startswith(prefix))


def _row(setting: Setting) -> str:
    default = "(computed)" if setting.default == "computed" else f"`{setting.default}`"
    aliases = ", ".join(f"`{alias}`" for alias in aliases_of(setting.name))
    cells = (
        f"`{setting.name}`",
        f"`{setting.variable}`",
        setting.expects,
        default,
        setting.description.replace("|", "\\|"),
        aliases,
    )
    return f"| {' | '.join(cells)} |\n"
