"""Reading one body to its end.

A response whose headers are there and a decoder come in; the decoder is fed, or an error raised. Called by the client;
it closes two holes of aiohttp 3.14, which both take a broken body for a whole or an endless one.
"""

from __future__ import annotations

import asyncio

from aiohttp import ClientPayloadError, ClientResponse, StreamReader
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

from tidemill.errors import Transient
from tidemill.net.decode import Decoder
from tidemill.net.exchange import Answer

_WATCH_S = 0.25


async def read_body(answer: ClientResponse | Answer, decoder: Decoder) -> None:
    """Feed the body of `answer` to `decoder` as it comes.

    Raises what the decoder raises, `Transient` (`truncated`), and whatever aiohttp raises.
    """
    content, connection = answer.content, answer.connection
    protocol = connection.protocol if connection is not None else None
    if protocol is None:  # the whole body came with the headers, and the connection is back in the pool
        await _feed(content, decoder)
        return
    watch = _Watch(content, protocol)
    try:
        await _feed(content, decoder)
    finally:
        watch.stop()
    # A body without a length ends with the connection. If that ended by a reset, the body is not complete.
    broken = protocol.exception()
    if isinstance(broken, OSError):
        raise Transient(f"the connection broke after {decoder.received} bytes ({broken})", reason="truncated")


async def _feed(content: StreamReader, decoder: Decoder) -> None:
    while not content.at_eof():
        decoder.feed(await content.readany())


class _Watch:
    """Wakes the reader of a body whose chunks stopped making sense.

    aiohttp's parser then tells the connection and forgets the body, so that its reader would wait for the deadline.
    """

    def __init__(self, content: StreamReader, protocol: ResponseHandler) -> None:
        self._content = content
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(_WATCH_S, self._look)

    def stop(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        fault = self._protocol.exception()
        if isinstance(fault, HttpProcessingError) and not self._content.is_eof():
            self._content.set_exception(ClientPayloadError(f"malformed body: {fault.message}"), fault)
        else:
            self._timer = self._loop.call_later(_WATCH_S, self._look)
