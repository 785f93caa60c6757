"""Feeds one target with what atheris makes of its seeds, and writes down each different finding once.

Started by `__main__` in a process of its own, which libFuzzer ends: after its time, at a hang, or out of memory.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

_MOST_SECONDS = 4.0  # of a target that is instrumented, on a machine that does other things, too
_HANG_S = 30
_MOST_MB = 3000
_MAX_LEN = 4096


def main(name: str, seconds: int, folder: Path) -> None:
    """Fuzz the target until its time is over; findings lie in `folder` as `finding-*`, with the trace beside it."""
    with atheris.instrument_imports(include=["tidemill"]):
        from tests.fuzz.targets import CORPUS, TARGETS

        from tidemill.process.pipeline import preload
    from tests.fuzz.laws import run
    from tests.fuzz.traces import write_finding

    preload()
    target = TARGETS[name]

    def test_one(data: bytes) -> None:
        try:
            run(target, data, most_seconds=_MOST_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            write_finding(folder, data, error)

    grown = folder / "corpus"
    grown.mkdir(parents=True, exist_ok=True)
    options = {"max_total_time": seconds, "timeout": _HANG_S, "rss_limit_mb": _MOST_MB, "max_len": _MAX_LEN}
    flags = [f"-{option}={value}" for option, value in options.items()]
    shown = ["-print_final_stats=1", "-verbosity=1", f"-artifact_prefix={folder}/finding-"]
    atheris.Setup([sys.argv[0], *flags, *shown, str(grown), str(CORPUS / name)], test_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
