"""Which steps run, in which order: the built-ins, and those of plug-ins between `enrich` and `validate`.

Called by the pipeline, once a process.
"""

from __future__ import annotations

from typing import Protocol

from tidemill import plugins
from tidemill.models.capture import Capture
from tidemill.models.document import Draft
from tidemill.models.source import ProcessRules

_BEFORE = ("clean", "enrich")
_AFTER = ("validate", "fingerprint")


class Step(Protocol):
    """A draft, its source's rules and its capture in, the draft bettered or judged out. Idempotent; no clock."""

    def __call__(self, draft: Draft, rules: ProcessRules, capture: Capture, /) -> Draft: ...


def steps_in_order() -> tuple[Step, ...]:
    """Every registered step; those of plug-ins in the order of their names. Raises `plugins.PluginError`."""
    found: dict[str, Step] = dict(plugins.load(plugins.STEPS))
    missing = [name for name in (*_BEFORE, *_AFTER) if name not in found]
    if missing:
        raise plugins.PluginError(f"built-in steps {', '.join(missing)} are not registered: reinstall tidemill")
    foreign = sorted(set(found) - {*_BEFORE, *_AFTER})
    return tuple(found[name] for name in (*_BEFORE, *foreign, *_AFTER))
