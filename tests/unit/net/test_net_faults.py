"""Nothing of aiohttp escapes: each of its exceptions has an error of ours."""

from __future__ import annotations

import ssl

import aiohttp
import pytest
from aiohttp import client_exceptions
from aiohttp.client_reqrep import ConnectionKey, RequestInfo
from aiohttp.http_exceptions import BadStatusLine, ContentLengthError, HttpProcessingError, LineTooLong
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from tidemill.errors import Permanent, TidemillError, Transient
from tidemill.net.faults import RAISED, translate
from tidemill.settings import NetSettings

URL_ASKED = URL("http://a.example:81/page")
KEY = ConnectionKey("a.example", 81, False, True, None, None, None)
INFO = RequestInfo(URL_ASKED, "GET", CIMultiDictProxy(CIMultiDict()), URL_ASKED)
REFUSED = OSError(111, "Connection refused")
OF_WEBSOCKETS = {"WSMessageTypeError"}

CASES: list[tuple[BaseException, type[TidemillError], str]] = [
    (TimeoutError(), Transient, "timeout"),
    (aiohttp.ServerTimeoutError(), Transient, "timeout"),
    (aiohttp.ConnectionTimeoutError(), Transient, "timeout"),
    (aiohttp.SocketTimeoutError(), Transient, "timeout"),
    (client_exceptions.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError("bad")), Transient, "tls"),
    (client_exceptions.ClientConnectorSSLError(KEY, ssl.SSLError(1, "bad")), Transient, "tls"),
    (client_exceptions.ClientSSLError(KEY, REFUSED), Transient, "tls"),
    (aiohttp.ServerFingerprintMismatch(b"a", b"b", "a.example", 81), Transient, "tls"),
    (ssl.SSLError(1, "bad"), Transient, "tls"),
    (client_exceptions.ClientConnectorDNSError(KEY, REFUSED), Transient, "dns"),
    (aiohttp.ClientConnectorError(KEY, REFUSED), Transient, "connect"),
    (aiohttp.ClientProxyConnectionError(KEY, REFUSED), Transient, "connect"),
    (client_exceptions.UnixClientConnectorError("/a", KEY, REFUSED), Transient, "connect"),
    (aiohttp.ClientConnectionError("Connector is closed."), Transient, "reset"),
    (aiohttp.ClientConnectionResetError("gone"), Transient, "reset"),
    (aiohttp.ClientOSError(104, "reset"), Transient, "reset"),
    (aiohttp.ServerConnectionError("gone"), Transient, "reset"),
    (aiohttp.ServerDisconnectedError(), Transient, "reset"),
    (ConnectionResetError(), Transient, "reset"),
    (aiohttp.InvalidURL("x"), Permanent, "bad_url"),
    (client_exceptions.InvalidUrlClientError("x"), Permanent, "bad_url"),
    (client_exceptions.InvalidUrlRedirectClientError("x"), Permanent, "bad_url"),
    (client_exceptions.NonHttpUrlClientError("x"), Transient, "protocol"),
    (client_exceptions.NonHttpUrlRedirectClientError("x"), Transient, "protocol"),
    (client_exceptions.RedirectClientError("x"), Transient, "protocol"),
    (aiohttp.ClientError("x"), Transient, "protocol"),
    (aiohttp.ClientPayloadError("x"), Transient, "protocol"),
    (client_exceptions.UploadAbortedError("x"), Transient, "protocol"),
    (aiohttp.ClientResponseError(INFO, (), status=400, message="bad"), Transient, "protocol"),
    (aiohttp.ClientHttpProxyError(INFO, (), status=400), Transient, "protocol"),
    (aiohttp.ContentTypeError(INFO, (), status=200), Transient, "protocol"),
    (aiohttp.TooManyRedirects(INFO, ()), Transient, "protocol"),
    (aiohttp.WSServerHandshakeError(INFO, ()), Transient, "protocol"),
    (HttpProcessingError(message="odd"), Transient, "protocol"),
    (OSError("odd"), Transient, "reset"),
    (ValueError("odd"), Transient, "protocol"),
    (RuntimeError("Connection closed."), Transient, "protocol"),
    (AssertionError(), Transient, "protocol"),
]


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(("error", "kind", "reason"), CASES, ids=lambda value: getattr(type(value), "__name__", ""))
def test_each_failure_becomes_an_error_of_the_house(
    error: BaseException, kind: type[TidemillError], reason: str
) -> None:
    assert isinstance(error, RAISED)
    ours = translate(error, URL_ASKED, NetSettings())
    assert (type(ours), ours.reason) == (kind, reason)
    assert "http://a.example:81" in str(ours)


def test_the_list_above_is_complete() -> None:
    theirs = {name for name in client_exceptions.__all__ if issubclass(getattr(client_exceptions, name), Exception)}
    assert theirs - OF_WEBSOCKETS <= {type(error).__name__ for error, _, _ in CASES}


@pytest.mark.parametrize(
    ("cause", "kind", "reason"),
    [
        (LineTooLong(b"X: aaa", 4096), Permanent, "headers_too_large"),
        (HttpProcessingError(message="Too many headers received"), Permanent, "headers_too_large"),
        (ContentLengthError("received 3 of 5"), Transient, "truncated"),
        (HttpProcessingError(message="Not enough data to satisfy transfer length header."), Transient, "truncated"),
        (BadStatusLine("SSH-2.0"), Transient, "protocol"),
    ],
)
def test_the_cause_tells_malformed_from_too_large_and_cut(
    cause: BaseException, kind: type[TidemillError], reason: str
) -> None:
    error = caused(aiohttp.ClientPayloadError("x"), caused(HttpProcessingError(message="y"), cause))
    ours = translate(error, URL_ASKED, NetSettings())
    assert (type(ours), ours.reason) == (kind, reason)
    assert len(str(ours)) < 400
