"""The HTTP server: granian inside our own event loop, on a socket that we open, ended by an event.

The socket is ours because granian would share a port that another process listens on already (SO_REUSEPORT), and could
not tell which port it got for 0.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.net import SocketHolder  # type: ignore[attr-defined]
from granian.server.embed import Server
from starlette.types import ASGIApp

from tidemill.errors import Conflict, Invalid, Permanent
from tidemill.http.inflight import InFlight
from tidemill.telemetry.logs import get_logger, server_log_config

_BACKLOG = 1024
_HEADERS_WITHIN_MS = 10_000
_CUT_OFF_S = 1.0
_log = get_logger(__name__)


async def serve_application(
    application: ASGIApp,
    stop: asyncio.Event,
    *,
    host: str,
    port: int,
    on_ready: Callable[[str], None],
    on_stop: Callable[[], None],
    drain_s: float = 10.0,
    listener: socket.socket | None = None,
) -> None:
    """Serve until `stop` is set, then let requests in flight end for at most `drain_s`. Port 0 means any free one.

    `listener` is a socket that listens there already, which other processes may accept from, too.

    `on_ready` gets the base URL once connections are accepted. Raises `Conflict` (`port_in_use`) or `Invalid`
    (`listen`) if the address cannot be listened on, `Permanent` if the server ends by itself.
    """
    listener = listener or await listen(host, port)
    address = f"[{host}]" if ":" in host else host
    base_url = f"http://{address}:{listener.getsockname()[1]}"
    in_flight = InFlight(application)
    server = _Server(in_flight, listener)
    ready = asyncio.Event()
    server.on_startup(ready.set)
    serving = asyncio.create_task(server.serve(), name="http server")
    try:
        await _first_of(serving, ready)
        on_ready(base_url)
        await _first_of(serving, stop)
    finally:
        on_stop()
        await _end(server, serving, in_flight, drain_s)


async def listen(host: str, port: int) -> socket.socket:
    """A listening socket that nobody shares. Raises `Conflict` or `Invalid`."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Invalid(
            f"api.host is {host!r}, which is no address: {error.strerror or error}", reason="listen"
        ) from error
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise Conflict(
                f"port {port} of {host} is in use; end what listens there, or choose another port (api.port)",
                reason="port_in_use",
            ) from error
        raise Invalid(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another api.host or api.port",
            reason="listen",
        ) from error
    return listener


class _Server(Server):
    """granian on a socket that is open already. It owns the socket from then on and closes it."""

    def __init__(self, application: ASGIApp, listener: socket.socket) -> None:
        super().__init__(
            application,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=_HEADERS_WITHIN_MS),
            websockets=True,
            backlog=_BACKLOG,
            log_level=LogLevels.error,
            log_dictconfig=server_log_config(),
            log_access=False,
        )
        self._listener = listener

    def _init_shared_socket(self) -> None:
        self._shd = SocketHolder(self._listener.detach(), False, _BACKLOG)  # type: ignore[assignment, call-arg]
        self._ssp = None


async def _first_of(serving: asyncio.Task[None], event: asyncio.Event) -> None:
    """Wait for the event. Raises `Permanent` if the server ends before."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            cause = None if serving.cancelled() else serving.exception()
            raise Permanent("the HTTP server ended by itself; its log tells why", reason="server_ended") from cause
    finally:
        waiting.cancel()


async def _end(server: _Server, serving: asyncio.Task[None], in_flight: InFlight, drain_s: float) -> None:
    server.stop()  # type: ignore[no-untyped-call]
    done, _ = await asyncio.wait({serving}, timeout=drain_s)
    if not done:
        number = in_flight.cut_off()
        _log.warning("requests cut off", action="http.cut_off", requests=number, drain_s=drain_s)
        await asyncio.wait({serving}, timeout=_CUT_OFF_S)
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(serving, return_exceptions=True)
