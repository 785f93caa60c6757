"""Makes `docs/images/demo.svg`: what `make demo ARGS=--once` shows on a terminal, run for real and drawn by rich.

`.venv/bin/python -m scripts.picture` writes the picture again. The demo runs in a pseudo-terminal over a data folder of
its own, so the picture always shows a first run.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import sys
import tempfile
import termios
from io import StringIO
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "demo.svg"
COLUMNS, ROWS = 104, 200
_PIECE = re.compile(r"\x1b\[(?P<given>[0-9;?]*)(?P<verb>[A-Za-z])|(?P<mark>[\r\n])|(?P<text>[^\x1b\r\n]+)")
_FONT_FACE = re.compile(r"\s*@font-face \{\{.*?\}\}", re.DOTALL)
_WEB_FONT = re.compile(r"Fira Code, ")


def main() -> None:
    """Run the demo and draw it; exits with the demo's status if that is not 0."""
    screen, status = show()
    if status:
        sys.stderr.write(screen)
        sys.exit(status)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(draw(settle(screen)), encoding="utf-8")


def show() -> tuple[str, int]:
    """What the demo writes to a terminal, control sequences included, and its exit status."""
    with tempfile.TemporaryDirectory() as folder:
        child, terminal = pty.fork()
        if child == 0:
            _play(Path(folder))
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        written = b"".join(iter(lambda: _read(terminal), b""))
        _, status = os.waitpid(child, 0)
        os.close(terminal)
    return written.decode("utf-8", "replace"), os.waitstatus_to_exitcode(status)


def _play(folder: Path) -> None:
    """The child's part: the demo, with its data elsewhere."""
    from scripts import demo

    os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", COLUMNS=str(COLUMNS))
    demo.DATA = folder / "data"
    sys.argv = ["demo", "--once"]
    sys.exit(demo.main())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux ends a pseudo-terminal so when its last writer is gone
        return b""


def settle(screen: str) -> list[str]:
    """The lines that stay: what was erased or written over by the progress display is gone; colours stay."""
    lines, row = [""], 0
    for piece in _PIECE.finditer(screen):
        verb, given = piece["verb"], piece["given"] or ""
        if piece["mark"] == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif verb == "A":
            row = max(0, row - int(given or 1))
        elif verb == "K":
            lines[row] = ""
        elif verb == "m":
            lines[row] += piece[0]
        elif piece["text"]:
            lines[row] += piece["text"]
    while lines and not Text.from_ansi(lines[0]).plain.strip():
        lines.pop(0)
    while lines and not Text.from_ansi(lines[-1]).plain.strip():
        lines.pop()
    return lines


def draw(lines: list[str]) -> str:
    """The lines as an SVG that loads nothing from anywhere."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), color_system="truecolor", force_terminal=True)
    for line in lines:
        text = Text.from_ansi(line)
        if text.plain.startswith("$ "):
            text.stylize("bold green")
        console.print(text, soft_wrap=False)
    frame = _WEB_FONT.sub("", _FONT_FACE.sub("", CONSOLE_SVG_FORMAT))
    return console.export_svg(title="make demo", code_format=frame, unique_id="demo")


if __name__ == "__main__":
    main()
