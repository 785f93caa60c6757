"""Every failure of aiohttp as an error of the house.

An exception of a request comes in, a `Transient` or `Permanent` with its reason goes out. Called by the client.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator

import aiohttp
from aiohttp.http_exceptions import BadHttpMessage, ContentLengthError, HttpProcessingError, LineTooLong
from yarl import URL

from tidemill.errors import Permanent, TidemillError, Transient
from tidemill.settings import NetSettings

# What a request may raise besides errors of the house. RuntimeError and AssertionError stand for races inside aiohttp
# ("Connection closed.", a transport gone between two steps); cancellation is none of these and passes.
RAISED = (aiohttp.ClientError, HttpProcessingError, OSError, ValueError, RuntimeError, AssertionError)

_TLS = (
    aiohttp.ClientConnectorCertificateError,
    aiohttp.ClientSSLError,
    aiohttp.ServerFingerprintMismatch,
    ssl.SSLError,
)
_RESET = (aiohttp.ClientConnectionError, OSError)
_CUT_OFF = "Not enough data"


def translate(error: BaseException, url: URL, settings: NetSettings) -> TidemillError:
    """Give the error of the house for what a request of `url` raised."""
    where = f"{url.scheme}://{url.raw_authority}"
    if isinstance(error, asyncio.TimeoutError):
        return Transient(f"{where}: {_what_timed_out(error, settings)}", reason="timeout")
    if isinstance(error, _TLS):
        return Transient(f"{where}: no secure connection ({error}); check the server's certificate", reason="tls")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Transient(f"{where}: the host name could not be resolved ({error.os_error})", reason="dns")
    if isinstance(error, aiohttp.ClientConnectorError):
        return Transient(f"{where}: no connection ({error.os_error}); is a server listening?", reason="connect")
    if isinstance(error, _RESET):
        return Transient(f"{where}: the server broke the connection ({error})", reason="reset")
    if isinstance(error, aiohttp.InvalidURL):
        return Permanent(f"{where}: the URL cannot be requested ({error})", reason="bad_url")
    return _malformed(error, where, settings)


def _what_timed_out(error: BaseException, settings: NetSettings) -> str:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"no connection within {settings.connect_timeout_s:g} s (net.connect_timeout_s)"
    if isinstance(error, aiohttp.SocketTimeoutError):
        return f"the server was silent for {settings.read_timeout_s:g} s (net.read_timeout_s)"
    return f"the response was not complete after {settings.total_timeout_s:g} s (net.total_timeout_s)"


def _malformed(error: BaseException, where: str, settings: NetSettings) -> TidemillError:
    causes = tuple(_chain(error))
    if any(isinstance(cause, LineTooLong) or "Too many headers" in _message(cause) for cause in causes):
        return Permanent(
            f"{where}: the response headers are larger than the {settings.max_header_bytes} bytes of "
            "net.max_header_bytes, or too many",
            reason="headers_too_large",
        )
    if any(isinstance(cause, ContentLengthError) or _CUT_OFF in _message(cause) for cause in causes):
        return Transient(f"{where}: the body ends before its announced length", reason="truncated")
    return Transient(f"{where}: the answer is not proper HTTP ({_brief(causes)})", reason="protocol")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _message(error: BaseException) -> str:
    return error.message if isinstance(error, HttpProcessingError | aiohttp.ClientResponseError) else str(error)


def _brief(causes: tuple[BaseException, ...]) -> str:
    last = causes[-1]
    text = last.message if isinstance(last, BadHttpMessage) else str(last)
    return " ".join(f"{type(last).__name__}: {text}".split())[:200]
