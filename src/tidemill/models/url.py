"""The identity of a page: one canonical URL for all spellings of the same address.

Follows RFC 3986 section 6 (syntax-based and scheme-based normalisation) and adds what the web needs: the query is
sorted by name, and parameters that only track a visitor or carry a session are removed, by a named list. The case of
the path stays, since servers tell `/A.html` from `/a.html`.
"""

from __future__ import annotations

import os
import re
from ipaddress import IPv6Address
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes, urlsplit

from yarl import URL

from tidemill.errors import Invalid

_TRACKING = (
    "utm_source utm_medium utm_campaign utm_term utm_content utm_id utm_name utm_reader utm_referrer utm_social",
    "utm_source_platform utm_creative_format utm_marketing_tactic gclid gclsrc dclid gbraid wbraid fbclid msclkid",
    "twclid ttclid yclid ysclid igshid li_fat_id mc_cid mc_eid _hsenc _hsmi hsctatracking mkt_tok vero_id",
    "oly_anon_id oly_enc_id _openstat wickedid s_cid",
)
TRACKING_PARAMETERS = frozenset(name for line in _TRACKING for name in line.split())
"""Query parameters that tell the site where a visitor came from, not what to show (compared in lower case)."""

SESSION_PARAMETERS = frozenset(
    {"phpsessid", "jsessionid", "sessionid", "session_id", "aspsessionid", "cfid", "cftoken"}
)
"""Query parameters that carry a visitor's session (compared in lower case)."""

MAX_URL_LENGTH = 4096
_DROPPED = TRACKING_PARAMETERS | SESSION_PARAMETERS
_DEFAULT_PORTS = {"http": 80, "https": 443}
_PATH_SESSION = re.compile(r";(?:jsessionid|phpsessid|sessionid)=[^/?#;]*", re.IGNORECASE)
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")
_UNSAFE = re.compile(r"[^A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%|]")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_BREAKS = str.maketrans("", "", "\t\r\n")
_HOST = re.compile(r"[a-z0-9\-._~!$&'()*+,;=]+")
_BRACKETED = re.compile(r"\[([^\]]*)\](?::[0-9]*)?")
_PLAIN_PORT = r"(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?"
_PLAIN = re.compile(
    rf"https?://[a-z0-9\-]+(?:\.[a-z0-9\-]+)*{_PLAIN_PORT}(?:/[A-Za-z0-9\-_~]+(?:\.[A-Za-z0-9\-_~]+)*)*/?"
)


def url_key(url: str) -> str:
    """The canonical form of an absolute http(s) URL. Idempotent.

    Raises `Invalid` (reason `bad_url`) if it is no absolute http(s) URL, or too long.
    """
    if len(url) <= MAX_URL_LENGTH and _PLAIN.fullmatch(url) and url.count("/") > 2 and not _default_port(url):
        return url
    return _key(url)


def _key(url: str) -> str:
    """`url_key` for any URL; those of a plain spelling come out as they are."""
    text = url.strip(" \t\r\n\f\x00").translate(_BREAKS)
    try:
        parts = urlsplit(text)
        scheme = parts.scheme.lower()
        if scheme not in _DEFAULT_PORTS or not parts.netloc:
            raise Invalid(f"not an absolute http or https URL: {url[:200]!r}", reason="bad_url")
        port = parts.port
        authority = parts.netloc.rpartition("@")[2]
        host = _address(authority) if "[" in authority else _host(parts.hostname or "")
    except (ValueError, UnicodeError) as error:
        raise Invalid(f"not a URL: {url[:200]!r} ({error})", reason="bad_url") from error
    user = _escape(parts.netloc.rpartition("@")[0])
    netloc = (f"{user}@" if user else "") + (host if port in (None, _DEFAULT_PORTS[scheme]) else f"{host}:{port}")
    path = _dot_segments(_PATH_SESSION.sub("", _escape(parts.path.replace("\\", "/")))) or "/"
    query = _query(_escape(parts.query))
    key = f"{scheme}://{netloc}{path}{'?' + query if query else ''}"
    if len(key) > MAX_URL_LENGTH:
        raise Invalid(f"URL longer than {MAX_URL_LENGTH} characters: {key[:100]}…", reason="bad_url")
    return key


def file_url(path: Path, *, folder: bool | None = None) -> str:
    """The canonical file URL (RFC 8089) of a path: absolute, percent-encoded, with a `/` at the end of a folder.

    Links are not followed. Whether it is a folder is looked up, unless `folder` tells. Raises `Invalid` (`bad_url`) for
    a NUL or a URL that is too long.
    """
    absolute = os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links
    if "\0" in absolute:
        raise Invalid(f"a path cannot hold a NUL: {absolute[:200]!r}", reason="bad_url")
    ends = "/" if (path.is_dir() if folder is None else folder) else ""
    bare = quote_from_bytes(os.fsencode(absolute.strip("/")), safe="/")
    url = f"file:///{bare}{ends if bare else ''}"
    if len(url) > MAX_URL_LENGTH:
        raise Invalid(f"URL longer than {MAX_URL_LENGTH} characters: {url[:100]}…", reason="bad_url")
    return url


def path_of(url: str) -> Path:
    """The path of a file URL, without its query and fragment; `.` and `..` are resolved by their spelling alone.

    Raises `Invalid` (`bad_url`) if it is none, names another machine, or holds a NUL.
    """
    scheme, _, rest = url.partition(":")
    authority, slash, path = rest[2:].partition("/") if rest.startswith("//") else ("", rest[:1], rest[1:])
    if scheme.lower() != "file" or slash != "/" or authority.lower() not in ("", "localhost"):
        raise Invalid(
            f"not the URL of a file of this machine: {url[:200]!r}; write file:///folder/file", reason="bad_url"
        )
    try:
        raw = unquote_to_bytes(re.split(r"[?#]", path, maxsplit=1)[0])
    except UnicodeEncodeError as error:
        raise Invalid(f"not a URL: {url[:200]!r} ({error})", reason="bad_url") from error
    if b"\0" in raw:
        raise Invalid(f"a path cannot hold a NUL: {url[:200]!r}", reason="bad_url")
    return Path(os.path.normpath("/" + os.fsdecode(raw).lstrip("/")))


def url_host(key: str) -> str:
    """The origin of a canonical URL without its scheme: `host` or `host:port`."""
    start = key.index("://") + 3
    end = key.find("/", start)
    return key[start:end].rpartition("@")[2]


def url_origin(key: str) -> str:
    """The origin of a canonical URL: `https://host:port`."""
    return f"{key[: key.index('://')]}://{url_host(key)}"


def url_folder(key: str) -> str:
    """A canonical URL up to and including the last `/` of its path."""
    path_end = key.find("?")
    bare = key if path_end < 0 else key[:path_end]
    return bare[: bare.rindex("/") + 1]


def _default_port(url: str) -> bool:
    scheme, _, rest = url.partition("://")
    return rest.partition("/")[0].endswith(":80" if scheme == "http" else ":443")


def _host(host: str) -> str:
    """A host in one spelling, international names by UTS 46 as browsers do. Raises `ValueError` if it is none."""
    if not host.isascii():
        return _host(URL.build(scheme="http", host=host).raw_host or "")
    host = host.rstrip(".").lower()
    if not _HOST.fullmatch(host):
        raise ValueError(f"host {host!r}")
    return host


def _address(authority: str) -> str:
    """An IPv6 address in one spelling, in its brackets. Raises `ValueError` if it is none."""
    found = _BRACKETED.fullmatch(authority)
    address = IPv6Address(found[1]) if found else None
    if address is None or address.scope_id is not None:
        raise ValueError(f"host {authority!r} is no IPv6 address")
    return f"[{address.compressed}]"


def _escape(text: str) -> str:
    """Percent-encodings in one spelling: unreserved characters bare, everything else in upper case."""
    if "%" in text:
        text = _PERCENT.sub(_one_spelling, _STRAY_PERCENT.sub("%25", text))
    return _UNSAFE.sub(_percent, text)


def _one_spelling(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else f"%{match[1].upper()}"


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "replace"))


def _dot_segments(path: str) -> str:
    """RFC 3986 section 5.2.4."""
    if "/." not in path:
        return path
    out: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == "..":
            if len(out) > 1:
                out.pop()
        elif segment != ".":
            out.append(segment)
    if segments[-1] in {".", ".."}:
        out.append("")
    return "/".join(out)


def _query(query: str) -> str:
    """An escaped query without what tracks or carries a session, sorted by name; equal names keep their order."""
    if not query:
        return ""
    pairs = [pair for pair in query.split("&") if pair and pair.partition("=")[0].lower() not in _DROPPED]
    pairs.sort(key=lambda pair: pair.partition("=")[0])
    return "&".join(pairs)
