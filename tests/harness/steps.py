"""The steps at which a process can be made to die, read out of the code, and processes that die at one after another.

`named_steps()` are those of `reached("…")` in `src/`. `die_at` starts processes of several roles, each of which dies at
the next step of its role's list; whoever comes last lives.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.harness.command import ROOT
from tests.harness.fleet import Fleet, Member

_PATIENCE_S = 60.0
_LOOK_S = 0.02


def named_steps(folder: Path = ROOT / "src") -> dict[str, list[str]]:
    """Where each step stands in the code, as file and line."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*.py")):
        for call in _calls(ast.parse(path.read_text(encoding="utf-8"))):
            place = f"{path.relative_to(folder)}:{call.lineno}"
            assert len(call.args) == 1, f"{place}: a step has one name"
            assert isinstance(call.args[0], ast.Constant), f"{place}: the name of a step must be written out"
            found.setdefault(str(call.args[0].value), []).append(place)
    return found


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "reached":
            yield node


@dataclass(slots=True)
class _Turn:
    """A role's process of the moment, the step at which it dies, and since when it lives."""

    member: Member
    step: str | None
    since: float


def armed(step: str, number: int = 1) -> str:
    """The setting that has a process die there."""
    return f"testing.crash_at={step}:{number}"


def die_at(fleet: Fleet, steps: Mapping[str, Sequence[str]], numbers: Mapping[str, int] | None = None) -> None:
    """Each role's processes die at its steps in their order; fails with the step that is not reached.

    `numbers` says at which passing of a step; the first if it does not.
    """
    left = {role: list(of_role) for role, of_role in steps.items()}

    def begun(role: str) -> _Turn:
        step = left[role].pop(0) if left[role] else None
        settings = (armed(step, (numbers or {}).get(step, 1)),) if step else ()
        return _Turn(fleet.add(role, *settings), step, time.monotonic())

    turns = {role: begun(role) for role in left}
    while any(turn.step for turn in turns.values()):
        for role, turn in turns.items():
            if turn.step is None:
                continue
            if not turn.member.alive:
                names = fleet.names_of(turn.member)
                fleet.fell(turn.member, turn.step)
                fleet.mourn(names)
                turns[role] = begun(role)
            late = time.monotonic() > turn.since + _PATIENCE_S
            assert not late, f"no {role} has reached {turn.step}\n{fleet.report()}"
        fleet.look_for_recovery()
        time.sleep(_LOOK_S)
    while fleet.look_for_recovery():
        time.sleep(_LOOK_S)
