"""What stands around the main text of every ordinary page: head, navigation, sidebar, footer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

NAME = "The Lantern Quay Gazette"
SECTIONS = {
    "water": "Water",
    "craft": "Craft",
    "nature": "Nature",
    "travel": "Travel",
    "town": "Town",
    "science": "Science",
}
BOILERPLATE = {
    "en": (
        "Sign up for the Friday letter from the quay",
        "All rights and most wrongs reserved by the Gazette society",
    ),
    "es": (
        "Reciba cada viernes la carta del muelle",
        "Todos los derechos reservados por la sociedad de la Gaceta",
    ),
}
_NAVIGATION = {
    "en": (
        ("/", "Home"),
        *((f"/{slug}/", name) for slug, name in SECTIONS.items()),
        ("/events/", "Events"),
        ("/archive/", "Archive"),
        ("/es/", "En español"),
    ),
    "es": (
        ("/es/", "Portada"),
        ("/es/articulos/", "Artículos"),
        ("/es/agenda/", "Agenda"),
        ("/", "In English"),
    ),
}
_FOOTER = {
    "en": (
        ("/about.html", "About us"),
        ("/contact.html", "Contact"),
        ("/feed.xml", "RSS"),
        ("/atom.xml", "Atom"),
    ),
    "es": (("/about.html#spanish", "Quiénes somos"), ("/feed.xml", "RSS"), ("/atom.xml", "Atom")),
}
_FEEDS = (
    '<link rel="alternate" type="application/rss+xml" title="RSS" href="/feed.xml">'
    '<link rel="alternate" type="application/atom+xml" title="Atom" href="/atom.xml">'
)
_ASIDE = {
    "en": ("Most read this week", "Every Friday at noon."),
    "es": ("Lo más leído", "Los viernes a mediodía."),
}


def text(value: str) -> str:
    """Escape text for HTML."""
    return escape(value, quote=False)


def link(href: str, label: str) -> str:
    """Give one link."""
    return f'<a href="{escape(href)}">{text(label)}</a>'


def paragraph(sentences: Iterable[str]) -> str:
    """Give one paragraph."""
    return f"<p>{text(' '.join(sentences))}</p>"


def link_list(links: Iterable[tuple[str, str]], css: str = "list") -> str:
    """Give a list of links."""
    return f'<ul class="{css}">' + "".join(f"<li>{link(*one)}</li>" for one in links) + "</ul>"


def shell(
    title: str,
    main: str,
    *,
    language: str = "en",
    head: str = "",
    popular: Sequence[tuple[str, str]] = (),
) -> str:
    """Put the main part of a page into the site's frame."""
    heading, when = _ASIDE[language]
    letter, rights = BOILERPLATE[language]
    aside = f"<section><h3>{heading}</h3>{link_list(popular)}</section>" if popular else ""
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{text(title)} | {NAME}</title>\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="stylesheet" href="/static/site.css"><link rel="icon" href="data:,">\n'
        f"{_FEEDS}\n{head}</head>\n<body>\n"
        f'<header class="masthead"><p class="name"><a href="/">{NAME}</a></p>\n'
        f'<nav class="menu">{link_list(_NAVIGATION[language], "menu")}</nav></header>\n'
        f'<div class="columns">\n<main>\n{main}\n</main>\n'
        f'<aside class="sidebar">{aside}<section class="newsletter"><h3>{letter}</h3><p>{when}</p></section></aside>\n'
        f'</div>\n<footer class="footer"><p>{rights}</p>{link_list(_FOOTER[language], "menu")}</footer>\n'
        "</body>\n</html>\n"
    )
