"""From the bytes of a response to its text, whatever the site says or fails to say about its encoding.

Comes in: a body and its Content-Type header; goes out: text and flags. Called by `parse` and by the process stage.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from functools import lru_cache

import cchardet

MISDECLARED = "charset_misdeclared"
"""The flag of a page whose declared encoding does not fit its bytes."""

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_META_WINDOW = 4096
_DETECT_WINDOW = 65_536
_HEADER = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:+-]+)", re.IGNORECASE)
_META = re.compile(rb"<meta[^>]{0,500}?charset\s*=\s*[\"']?\s*([\w.:+-]+)", re.IGNORECASE)
_OF_HOST_NAMES = frozenset({"punycode", "idna"})
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_WEB_NAMES = {
    "ascii": "windows-1252",
    "us-ascii": "windows-1252",
    "iso-8859-1": "windows-1252",
    "iso8859-1": "windows-1252",
    "latin-1": "windows-1252",
    "latin1": "windows-1252",
    "iso-8859-9": "windows-1254",
    "iso-8859-11": "windows-874",
    "tis-620": "windows-874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "x-user-defined": "windows-1252",
}
# A meta tag that could be read at all cannot truly be in UTF-16 (HTML standard, 13.2.3.2).
_META_NAMES = {"utf-16": "utf-8", "utf-16le": "utf-8", "utf-16be": "utf-8"}


def decode(body: bytes, content_type: str = "") -> tuple[str, tuple[str, ...]]:
    """The text of `body`, and `("charset_misdeclared",)` if what the site declared does not fit its bytes.

    Tried in order: byte-order mark, the header's charset, `<meta charset>` in the first 4 KiB, UTF-8, detection,
    windows-1252. Labels mean what browsers take them to mean (WHATWG Encoding standard: iso-8859-1 is windows-1252).
    """
    for mark, name in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace"), ()
    misdeclared = False
    for label, must_fit in _labels(body, content_type):
        text = _decode_cleanly(body, label)
        if text is not None:
            return text, (MISDECLARED,) if misdeclared else ()
        misdeclared = misdeclared or must_fit
    return _decode_by_detection(body), (MISDECLARED,) if misdeclared else ()


def _labels(body: bytes, content_type: str) -> Iterator[tuple[str, bool]]:
    """The charsets to try, each with whether the site declared it; the body is looked into only if the header lies."""
    if (label := _of_header(content_type)) is not None:
        yield label, True
    if (label := _of_meta(body)) is not None:
        yield label, True
    yield "utf-8", False


@lru_cache(maxsize=256)
def _of_header(content_type: str) -> str | None:
    found = _HEADER.search(content_type)
    return _web_name(found[1]) if found else None


def _of_meta(body: bytes) -> str | None:
    head = body[:_META_WINDOW]
    if b"<!--" in head:
        head = _COMMENT.sub(b"", head)
    found = _META.search(head)
    if not found:
        return None
    name = _web_name(found[1].decode("ascii", "replace"))
    return _META_NAMES.get(name, name)


def _web_name(label: str) -> str:
    name = label.strip().lower()
    return _WEB_NAMES.get(name, name)


def _decode_cleanly(body: bytes, label: str) -> str | None:
    """The text, or `None` if there is no such encoding or the bytes are not valid in it."""
    try:
        if label != "utf-8" and not _is_charset(label):
            return None
        return body.decode(label)
    except (LookupError, ValueError):
        return _decode_windows(body) if label == "windows-1252" else None


def _is_charset(label: str) -> bool:
    """Whether Python's codec of that name is a charset. Raises `LookupError` if there is none.

    Those for host names are none; on a megabyte of anything else they take minutes.
    """
    found = codecs.lookup(label)
    return bool(found._is_text_encoding) and found.name not in _OF_HOST_NAMES


def _decode_by_detection(body: bytes) -> str:
    guess = cchardet.detect(body[:_DETECT_WINDOW]).get("encoding")
    text = _decode_cleanly(body, _web_name(guess)) if guess else None
    return text if text is not None else _decode_windows(body)


def _decode_windows(body: bytes) -> str:
    """windows-1252 as browsers read it: the five bytes it leaves open stand for the control characters they are."""
    return "".join(_WINDOWS_1252[byte] for byte in body) if _holds_open_bytes(body) else body.decode("windows-1252")


def _holds_open_bytes(body: bytes) -> bool:
    return any(byte in body for byte in _OPEN_BYTES)


_OPEN_BYTES = (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d")
_WINDOWS_1252 = [
    chr(byte) if bytes((byte,)) in _OPEN_BYTES else bytes((byte,)).decode("windows-1252") for byte in range(256)
]
