"""Splits a text into sentences.

Comes in: plain text whose lines are paragraphs, headings, items of lists; goes out: its sentences. Called by `summary`
and `keywords`.
"""

from __future__ import annotations

import re

_END = re.compile(r"[.!?…؟۔।።]+[\"'”’»)\]]*[ \t]+|[。！？｡]+[」』”’）]*")
_OPENING = "\"'“‘«([¿¡„-–—"
_LONGEST = 20  # letters of an abbreviation
_ABBREVIATED = (
    "mr mrs ms dr prof st sr jr rev hon gen col capt lt sgt gov sen rep pres mt ft vs etc approx dept inc ltd co "
    "corp nos vol pp fig al ca cf viz e.g i.e u.s u.k u.n p.m a.m jan feb mar apr jun jul aug sep sept oct nov dec "
    "sra sres srta dra dres d dña ud uds av avda núm pág págs tel ee.uu aprox máx mín "
    "bzw ca d.h dh etc evtl ggf hr fr inkl nr str usw vgl z.b zb zzt z.t u.a o.ä bsp abs mio mrd "
    "m mm mme mlle me mgr éd av chap env p.ex n.d "
    "sig sigg sig.ra dott dott.ssa avv geom pag ecc p.es "
    "ex exmo sto sta profª drª dª r "
    "dhr mevr mw mej drs ir blz bijv o.a m.b.t i.v.m d.w.z t.o.v enz"
)
_ABBREVIATIONS = frozenset(_ABBREVIATED.split())
_WITH_ORDINALS = "cs da de et fi hr hu lv nb nn no pl sk sl sr tr"
_ORDINAL_LANGUAGES = frozenset(_WITH_ORDINALS.split())


def split_sentences(text: str, language: str | None = None) -> list[str]:
    """The sentences of a text in their order. The end of a line ends one; an abbreviation, an initial, and (where
    `language` writes ordinals so) the stop of a number do not; nor does anything that goes on with a small letter.
    """
    found: list[str] = []
    for line in text.split("\n"):
        start = 0
        for end in _END.finditer(line):
            if _is_end(line, start, end, language):
                found.append(line[start : end.end()].strip())
                start = end.end()
        if rest := line[start:].strip():
            found.append(rest)
    return found


def _is_end(line: str, start: int, end: re.Match[str], language: str | None) -> bool:
    mark = end[0][0]
    if mark in "。！？｡" or end.end() == len(line):
        return True
    if line[end.end() :].lstrip(_OPENING)[:1].islower():
        return False
    if mark != "." or end[0].startswith(".."):
        return True
    words = line[max(start, end.start() - _LONGEST) : end.start()].split()
    word = words[-1].lstrip(_OPENING) if words else ""
    if word.lower() in _ABBREVIATIONS or _is_initials(word):
        return False
    return not (word.isdecimal() and len(word) <= 2 and language in _ORDINAL_LANGUAGES)


def _is_initials(word: str) -> bool:
    """`J`, `J.R`, `U.S`; the word I is none."""
    return word.isupper() and word != "I" and all(len(part) == 1 for part in word.split("."))
