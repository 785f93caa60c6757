"""Pages whose bytes are not plain UTF-8, or say that they are something else than they are."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from tests.site.expected import Expected
from tests.site.layout import paragraph, text
from tests.site.page import Page
from tests.site.sections import index_page

_LATIN = (
    "El farero de Cabo Mayor escribía sus cartas en una máquina sin eñe y después añadía las tildes a mano.",
    "Según él, ningún temporal justificaba una falta de ortografía.",
    "La linterna se apagó en 1983, pero las cartas siguen llegando con media década de retraso.",
)
_WINDOWS = (
    "The chandler on Pilot Street sells rope by the fathom at 4 € and advice by the hour at nothing.",
    "Her cat, called Résumé, sleeps in the largest coil and is included in no price.",
    "“Measure twice,” says the sign above the door, “and then ask me” – which everybody does.",
)
_META = (
    "La tahona de la calle Ancha enciende el horno a las tres y despierta a todo el barrio con olor a anís.",
    "Los viernes hay rosquillas, y los demás días hay discusión sobre las rosquillas.",
    "El panadero heredó la pala, el delantal y una deuda pequeña que prefiere no saldar.",
)
_LYING = (
    "El relojero de la estación declara una hora y enseña otra, porque el andén corre más que la ciudad.",
    "Cada mañana sube a la torre con una aceitera y baja con una opinión.",
    "Los viajeros desconfían del reloj y, sin embargo, llegan siempre a tiempo.",
)
_GARBLED = (
    "La biblioteca del puerto guarda los libros que los marineros olvidan en las tabernas.",
    "Algún día alguien reclamará aquel tratado de astronomía con manchas de café.",
    "Mientras tanto lo leen los niños, que añaden cometas en los márgenes.",
)
_WIDE = (
    "Every letter of this page takes two bytes, and the first two bytes say which of them comes first.",
    "The naïve reader sees a space between all letters and blames the printer.",
    "Typesetters of the Gazette tried it once, in 1996, and paid double for the cable.",
)
_MARKED = (
    "Three bytes stand before the first letter of this page and mean nothing but themselves.",
    "A careless parser prints them as a small procession of accents: it should cross the façade without stopping.",
    "Editors add them out of habit, the way some people knock on wood.",
)


def charset_pages() -> Iterator[Page]:
    """Give the pages and their index."""
    opening = (
        "Letters reach the Gazette from abroad in many alphabets and more encodings, and some of the envelopes tell "
        "lies about what is inside, which is why this page keeps one specimen of each."
    )
    pages = [
        _page("latin-1", "Cartas de Cabo Mayor", "es", _LATIN, "iso-8859-1", "text/html; charset=ISO-8859-1"),
        _page("windows-1252", "The chandler", "en", _WINDOWS, "cp1252", "text/html; charset=windows-1252"),
        _page("meta-only", "La tahona", "es", _META, "cp1252", "text/html", '<meta charset="windows-1252">'),
        _page("misdeclared", "El relojero", "es", _LYING, "cp1252", "text/html; charset=utf-8"),
        _page("utf-16", "Two bytes each", "en", _WIDE, "utf-16-le", "text/html", bom=codecs.BOM_UTF16_LE),
        _page("utf-8-bom", "Three bytes before", "en", _MARKED, "utf-8", "text/html", bom=codecs.BOM_UTF8),
        _garbled(),
    ]
    links = [(page.path, page.path.rpartition("/")[2]) for page in pages]
    yield index_page("/charset/", "Letters from abroad", opening, links)
    yield from pages


def _page(
    name: str,
    title: str,
    language: str,
    sentences: tuple[str, ...],
    encoding: str,
    media_type: str,
    meta: str = "",
    bom: bytes = b"",
) -> Page:
    body = bom + _html(title, language, sentences, meta).encode(encoding)
    expected = Expected(f"/charset/{name}.html", title=title, language=language, must_contain=sentences[:2])
    return Page(expected, lambda base: body, media_type)


def _garbled() -> Page:
    """A page whose author decoded UTF-8 as Windows-1252 and saved the result."""
    html = _html("La biblioteca del puerto", "es", _GARBLED).encode().decode("cp1252")
    expected = Expected(
        "/charset/mojibake.html",
        title="La biblioteca del puerto",
        language="es",
        must_contain=_GARBLED[:1],
        later=f"repaired, so that it contains: {_GARBLED[1]}",
    )
    return Page(expected, lambda base: html)


def _html(title: str, language: str, sentences: tuple[str, ...], meta: str = "") -> str:
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>{meta}<title>{text(title)}</title></head>\n'
        f'<body><nav><a href="/charset/">Back</a></nav><article><h1>{text(title)}</h1>\n'
        f"{paragraph(sentences[:1])}\n{paragraph(sentences[1:])}\n</article></body>\n</html>\n"
    )
