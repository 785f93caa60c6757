"""Walls that a site itself puts before its content: login, consent, payment, a closed shop.

A `Page` comes in, evidence goes out. Called by `judge`. A login form in a page's header, a cookie banner over an
article and a subscription box under one are none of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tidemill.crawl.verdicts.evidence import Evidence
from tidemill.crawl.verdicts.naming import named
from tidemill.crawl.verdicts.page import Page
from tidemill.crawl.verdicts.wall_words import (
    CONSENT_BUTTON,
    CONSENT_PART,
    CONSENT_WORD,
    LOGIN_FORM,
    LOGIN_PART,
    LOGIN_SAID,
    MAINTENANCE_PART,
    MAINTENANCE_SAID,
    PAYWALL_SAID,
)

_LOGIN_URL = re.compile(
    r"/(?:log[-_]?in|sign[-_]?in|sign[-_]?up|register|auth|authwall|sso|oauth2?|wp-login\.php|account/login|"
    r"users/sign_in|"
    r"anmelden|connexion|iniciar-sesion|acceso|accedi|inloggen)(?:[/.?]|$)"
)
_CONSENT_URL = re.compile(
    r"//(?:consent|guce|cmp|privacy-?gate|myprivacy)[.\-]|/(?:consent|collectconsent|cookie-?wall|privacy-?gate|"
    r"zustimmung)(?:[/.?_]|$)",
)
_NOT_FREE = re.compile(rb'"isaccessibleforfree"\s*:\s*(?:"?false)')
_NOT_FREE_WEIGHT = 0.4
_LITTLE_LOGIN_CHARS = 500
_LITTLE_ARTICLE_CHARS = 900
_NEAR_CHARS = 200
_LOGIN_SAID, _LOGIN_ADDRESS = 0.3, 0.35
_FEW_LINKS = 40
_CONSENT_SHARE = 0.04


def has_address_of_consent(page: Page) -> bool:
    """Whether the page lies where pages lie that ask for consent."""
    return _CONSENT_URL.search(page.url.lower()) is not None


def login(page: Page) -> Iterator[Evidence]:
    """Evidence that nothing but a login (or the making of an account) is offered."""
    names = [*named(page, "login_wall", LOGIN_PART, title=0.45, heading=0.35)]
    if page.is_wordy and not names:
        return
    is_little = page.prose_chars < _LITTLE_LOGIN_CHARS
    # Text and address are then all that can speak for a login, and together they weigh less than their sum.
    if not (is_little or names or page.passwords) and page.least > _LOGIN_SAID + _LOGIN_ADDRESS:
        return
    said = page.finds(LOGIN_SAID)
    if page.passwords == 0 and not said and page.prose_chars > _LITTLE_LOGIN_CHARS // 2:
        return
    if said:
        weight = 0.55 if is_little and said.start() < _NEAR_CHARS else _LOGIN_SAID
        yield Evidence("login_wall", weight, f"text: {said[0][:60]}", is_said=True)
    if page.passwords:
        yield Evidence("login_wall", 0.4, "password field in the main part", is_said=True)
        form = LOGIN_FORM.search(page.lead)
        if form:
            yield Evidence("login_wall", 0.3, f"text: {form[0][:60]}", is_said=True)
    yield from names
    if _LOGIN_URL.search(page.url.lower()):
        yield Evidence("login_wall", _LOGIN_ADDRESS, "address of a login")
    asks = said or page.passwords or (names and page.links <= _FEW_LINKS)
    if is_little and asks:
        yield Evidence("login_wall", 0.3, "hardly any text")


def consent(page: Page) -> Iterator[Evidence]:
    """Evidence that the page is nothing but a question for consent."""
    names = [*named(page, "consent_wall", CONSENT_PART, title=0.4, heading=0.35)]
    if has_address_of_consent(page):
        names.append(Evidence("consent_wall", 0.4, "address of a consent page"))
    if not names or page.links > _FEW_LINKS:
        return
    yield from names
    hits = sum(1 for _ in CONSENT_WORD.finditer(page.lead))
    if hits >= 3 and hits / (len(page.lead.split()) + 1) >= _CONSENT_SHARE:
        yield Evidence("consent_wall", 0.45, f"{hits} words of consent in {len(page.lead)} characters", is_said=True)
    button = CONSENT_BUTTON.search(page.buttons)
    if button:
        yield Evidence("consent_wall", 0.35, f"button: {button[0]}", is_said=True)


def paywall(page: Page) -> Iterator[Evidence]:
    """Evidence that the article ends where payment begins; an article that is there in full is none."""
    if page.prose_chars > _LITTLE_ARTICLE_CHARS:
        return
    said = dict.fromkeys(found[0] for found in PAYWALL_SAID.finditer(f"{page.lead} {page.heading_text}"))
    for phrase in list(said)[:2]:
        yield Evidence("paywall", 0.45, f"text: {phrase[:60]}", is_said=True)
    if not said and page.least > _NOT_FREE_WEIGHT:
        return
    if _NOT_FREE.search(page.scanned):
        yield Evidence("paywall", _NOT_FREE_WEIGHT, "isAccessibleForFree: false")
    if said:
        yield Evidence("paywall", 0.2, f"only {page.prose_chars} characters of text")


def maintenance(page: Page) -> Iterator[Evidence]:
    """Evidence that the whole site is closed for the moment."""
    if page.prose_chars > _LITTLE_LOGIN_CHARS:
        return
    yield from named(page, "maintenance", MAINTENANCE_PART, title=0.5, heading=0.4)
    said = page.finds(MAINTENANCE_SAID)
    if said:
        yield Evidence("maintenance", 0.4, f"text: {said[0][:60]}", is_said=True)
        if page.is_alone:
            yield Evidence("maintenance", 0.3, "hardly anything else on the page")
