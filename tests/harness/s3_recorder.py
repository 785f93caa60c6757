"""A stand-in for S3 that notes what it is asked: for headers that the test server ignores, answers that it never gives.

Knows puts, multipart uploads, copies and deletes of whole objects; nothing is kept. Asked as a proxy, it answers too.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

_UPLOAD = "<InitiateMultipartUploadResult><UploadId>upload-1</UploadId></InitiateMultipartUploadResult>"
_DONE = '<CompleteMultipartUploadResult><ETag>"whole"</ETag></CompleteMultipartUploadResult>'
_DELETED = "<DeleteResult><Deleted>{}</Deleted></DeleteResult>"
_COPIED = '<CopyObjectResult><ETag>"copy"</ETag></CopyObjectResult>'


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: `action` is `put`, `begin`, `part 1`, `complete`, `abort`, `copy` or `delete`."""

    action: str
    host: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Recorder:
    """What was asked, and with which status each action is refused."""

    endpoint: str = ""
    asked: list[Asked] = field(default_factory=list)
    refuses: Callable[[str], int | None] = lambda action: None

    def of(self, *actions: str) -> list[Asked]:
        """The requests of these kinds."""
        return [each for each in self.asked if each.action.partition(" ")[0] in actions]

    async def answer(self, request: web.Request) -> web.Response:
        """Note it and answer as S3 would."""
        action, body = _action(request), await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(Asked(action, request.host, request.path, headers, body))
        if (status := self.refuses(action)) is not None:
            return web.Response(status=status, text="<Error><Code>Refused</Code></Error>")
        keys = "".join(re.findall(r"<Key>.*?</Key>", body.decode("latin-1"))) if action == "delete" else ""
        said = {"begin": _UPLOAD, "complete": _DONE, "copy": _COPIED, "delete": _DELETED.format(keys)}.get(action, "")
        return web.Response(text=said, headers={"ETag": '"piece"'}, status=204 if action == "abort" else 200)


@asynccontextmanager
async def recorder() -> AsyncIterator[Recorder]:
    """A stand-in that listens until the block ends."""
    recording = Recorder()
    application = web.Application(client_max_size=1 << 30)
    application.router.add_route("*", "/{any:.*}", recording.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    recording.endpoint = f"http://127.0.0.1:{port}"
    try:
        yield recording
    finally:
        await runner.cleanup()


def _action(request: web.Request) -> str:
    query = request.query_string
    if part := re.search(r"partNumber=(\d+)", query):
        return f"part {part[1]}"
    if "uploads" in query:
        return "begin"
    if "uploadId" in query:
        return "complete" if request.method == "POST" else "abort"
    if request.method == "POST" and "delete" in query:
        return "delete"
    if request.method == "PUT":
        return "copy" if "x-amz-copy-source" in request.headers else "put"
    return request.method.lower()
