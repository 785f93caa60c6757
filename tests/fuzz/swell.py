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
_PIECE_BYTES = (1, 2, 3, 5, 8, 13, 21, 34, 80, 200)


def swollen(seed: bytes, chance: random.Random) -> bytes:
    """The seed with a piece repeated: as it is, numbered, or followed by as many of another piece (open, then close).

    What stood before and behind it may be there or not.
    """
    start, piece = _piece(seed, chance)
    before = seed[:start] if chance.random() < 0.7 else b""
    behind = seed[start + len(piece) :] if chance.random() < 0.5 else b""
    times = _SIZE // len(piece)
    shape = chance.randrange(4)
    if shape == 0:
        return before + b"".join(b"%b%d" % (piece, number) for number in range(_SIZE // (len(piece) + 5))) + behind
    if shape == 1:
        _, other = _piece(seed, chance)
        times = _SIZE // (len(piece) + len(other))
        return before + piece * times + other * times + behind
    return before + piece * times + behind


def _piece(seed: bytes, chance: random.Random) -> tuple[int, bytes]:
    start = chance.randrange(len(seed) + 1)
    return start, seed[start : start + chance.choice(_PIECE_BYTES)] or b"<"


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
