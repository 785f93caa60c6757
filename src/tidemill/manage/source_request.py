"""The rules for what a source sends with its requests: header fields, cookies, authentication, proxies.

In: the request rules of a source. Out: what is wrong with them, as (location, message). Called by `source_rules`.
No message repeats a value that may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tidemill.errors import Invalid
from tidemill.manage import source_secrets as secrets
from tidemill.models.source import RequestRules
from tidemill.models.url import url_key

Location = tuple[int | str, ...]
Fault = tuple[Location, str]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FIELD_VALUE = re.compile(r"[\x20-\x7e\t]*")
_COOKIE_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]*")
_OWN_FIELDS = {"user-agent": "request.user_agent", "from": "request.contact_url"}
_REFUSED = re.compile(
    r"host|connection|content-length|transfer-encoding|te|trailer|upgrade|keep-alive|proxy-connection|expect"
    r"|accept-encoding|content-encoding|range|if-(range|match|none-match|modified-since|unmodified-since)"
)
"""Fields that say how the message is sent, what we can decode, or what we have already: they are the client's."""


def faults(rules: RequestRules) -> Iterator[Fault]:
    """Everything wrong with the request rules of a source."""
    yield from _headers(rules.headers)
    yield from _cookies(rules.cookies)
    yield from _authentication(rules)
    yield from _agent(rules)
    for index, proxy in enumerate(rules.proxies):
        place: Location = ("proxies", index)
        found = [_BROKEN] if secrets.malformed(proxy) else list(secrets.proxy_faults(proxy))
        yield from ((place, f"request.proxies {fault}") for fault in found)


_BROKEN = "holds a ${…} that is no secret; write ${secret:NAME}, where NAME is of a-z, 0-9 and _"


def _headers(headers: Mapping[str, str]) -> Iterator[Fault]:
    seen: set[str] = set()
    for name, value in headers.items():
        place: Location = ("headers", name)
        lower = name.lower()
        if not _TOKEN.fullmatch(name):
            yield place, f"request.headers: {name!r} is no name of a header field; use letters, digits and -"
        elif lower in _OWN_FIELDS:
            yield place, f"request.headers: {name} has a field of its own; give {_OWN_FIELDS[lower]}"
        elif _REFUSED.fullmatch(lower):
            yield place, f"request.headers: {name} is set by the client for each request; take it out"
        elif lower in seen:
            yield place, f"request.headers: {name} is given twice (case does not count); keep one"
        elif secrets.malformed(value):
            yield place, f"request.headers.{name} {_BROKEN}"
        elif not _FIELD_VALUE.fullmatch(value):
            yield place, f"request.headers.{name} holds line breaks or other characters that are not of ASCII's printed"
        elif secrets.header_is_secret(name) and not secrets.holds_reference(value):
            yield place, f"request.headers.{name} holds a secret {secrets.HIDDEN}; {secrets.REMEDY}"
        seen.add(lower)


def _cookies(cookies: Mapping[str, str]) -> Iterator[Fault]:
    for name, value in cookies.items():
        place: Location = ("cookies", name)
        if not _TOKEN.fullmatch(name):
            yield place, f"request.cookies: {name!r} is no name of a cookie; use letters, digits and -"
        elif secrets.malformed(value):
            yield place, f"request.cookies.{name} {_BROKEN}"
        elif not _COOKIE_VALUE.fullmatch(secrets.without_references(value)):
            yield place, f"request.cookies.{name} holds a character that no cookie may; percent-encode it"
        elif secrets.cookie_is_secret(name) and not secrets.holds_reference(value):
            yield place, f"request.cookies.{name} holds a secret {secrets.HIDDEN}; {secrets.REMEDY}"


def _authentication(rules: RequestRules) -> Iterator[Fault]:
    given = {name.lower() for name in rules.headers}
    if rules.password is not None and not secrets.is_reference(rules.password):
        yield ("password",), f"request.password is a value {secrets.HIDDEN}; {secrets.REMEDY}"
    if rules.password is not None and rules.username is None:
        yield ("password",), "request.password is given without request.username; give both"
    if rules.username is not None and re.search(r"[:\x00-\x1f\x7f]", rules.username):
        yield ("username",), "request.username holds a colon or a control character, which basic authentication forbids"
    if rules.username is not None and "authorization" in given:
        yield ("username",), "request.username and the header Authorization say the same; keep one"
    if rules.cookies and "cookie" in given:
        yield ("cookies",), "request.cookies and the header Cookie say the same; keep one"


def _agent(rules: RequestRules) -> Iterator[Fault]:
    agent = rules.user_agent
    if agent is not None and (not agent.strip() or not _FIELD_VALUE.fullmatch(agent)):
        yield (
            ("user_agent",),
            f"request.user_agent is {agent!r}; give a name of printed ASCII characters, like mybot/1.0",
        )
    contact = rules.contact_url
    if contact is None:
        return
    if not _FIELD_VALUE.fullmatch(contact) or not _is_contact(contact):
        shown = secrets.unseen(contact)
        yield ("contact_url",), f"request.contact_url is {shown!r}; write https://host/path or mailto:name@host"


def _is_contact(contact: str) -> bool:
    if contact.startswith("mailto:"):
        return re.fullmatch(r"mailto:[^\s@]+@[^\s@]+", contact) is not None
    try:
        return "@" not in url_key(contact).split("/")[2]
    except Invalid:
        return False
