"""Looks for inputs that take more than their share of time: a piece of a seed, repeated up to 60 KB.

Comes in: a target and its seeds; goes out: the inputs that were too slow or raised. Needs no atheris: what is
quadratic shows by repetition, which a fuzzer of bytes seldom comes upon. Started by `__main__`.
"""

from __future__ import annotations

import faulthandler
import random
import sys
import time
from pathlib import Path

from tests.fuzz.laws import run
from tests.fuzz.targets import TARGETS, seeds
from tests.fuzz.traces import write_finding

from tidemill.process.pipeline import preload

_SIZE = 60_000
_HANG_S = 60


def swollen(seed: bytes, chance: random.Random) -> bytes:
    """The seed with one or two neighbouring pieces repeated; what stood before and behind may be there or not."""
    start = chance.randrange(len(seed) + 1)
    end = min(len(seed), start + chance.choice((1, 2, 3, 5, 8, 13, 21, 34, 80, 200)))
    piece = seed[start:end] or b"<"
    before = seed[:start] if chance.random() < 0.7 else b""
    behind = seed[end:] if chance.random() < 0.5 else b""
    return before + piece * (_SIZE // len(piece)) + behind


def main(name: str, seconds: int, folder: Path) -> None:
    """Try swollen seeds until the time is over; the same ones each time."""
    folder.mkdir(parents=True, exist_ok=True)
    preload()
    chance = random.Random(name)
    texts = [path.read_bytes() for path in seeds(name)]
    end, tries, slowest = time.monotonic() + seconds, 0, 0.0
    while time.monotonic() < end:
        data = swollen(chance.choice(texts), chance)
        faulthandler.dump_traceback_later(_HANG_S, exit=True)
        (folder / "last").write_bytes(data)
        started = time.process_time()
        try:
            run(TARGETS[name], data)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            write_finding(folder, data, error)
        faulthandler.cancel_dump_traceback_later()
        slowest = max(slowest, time.process_time() - started)
        tries += 1
    print(f"{name}: {tries} swollen inputs, the slowest took {slowest:.2f} s of CPU")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
