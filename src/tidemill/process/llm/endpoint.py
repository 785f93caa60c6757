"""One request to an OpenAI-compatible endpoint: `POST {url}/chat/completions`.

Comes in: a question; goes out: the text of the answer and what it cost, or an error whose class says whether to try
again. Called by `model`. The operator names the endpoint, no page does: it may be on this machine, and the guard of
`net` is not asked. The key is sent nowhere else (no redirects) and stands in no message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson

from tidemill.errors import Permanent, Transient
from tidemill.process.llm.question import Question, estimate_tokens
from tidemill.settings.tree import LanguageModelSettings

MAX_ANSWER_BYTES = 1024 * 1024
_REJECTED = (400, 422)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model said, and the tokens that question and answer have cost."""

    text: str
    tokens: int


class Spent(Permanent):
    """An answer that is of no use and was paid for nevertheless."""

    def __init__(self, message: str, *, reason: str, tokens: int) -> None:
        super().__init__(message, reason=reason)
        self.tokens = tokens


@dataclass(slots=True)
class _Dialect:
    """What the endpoint understands; learned from what it refuses."""

    has_schema: bool = True
    limit: str = "max_tokens"
    has_temperature: bool = True

    def after(self, complaint: str) -> _Dialect | None:
        """What to try when it has refused this with such words; `None` if nothing is left to try."""
        if self.limit == "max_tokens" and "max_completion_tokens" in complaint:
            return _Dialect(self.has_schema, "max_completion_tokens", self.has_temperature)
        if self.has_temperature and "temperature" in complaint:
            return _Dialect(self.has_schema, self.limit, has_temperature=False)
        return (
            _Dialect(has_schema=False, limit=self.limit, has_temperature=self.has_temperature)
            if self.has_schema
            else None
        )


class Endpoint:
    """An asynchronous context manager that holds connections. Not thread-safe; any number of requests at once."""

    def __init__(self, settings: LanguageModelSettings) -> None:
        self._settings = settings
        self._url = settings.url.rstrip("/") + "/chat/completions"
        self._dialect = _Dialect()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        key = self._settings.key.get_secret_value() if self._settings.key else ""
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "Content-Type": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self._session = aiohttp.ClientSession(
            headers=headers,
            auto_decompress=False,  # what was asked for plainly and comes packed is no answer
            cookie_jar=aiohttp.DummyCookieJar(),
            connector=aiohttp.TCPConnector(limit=self._settings.concurrency),
            timeout=aiohttp.ClientTimeout(total=self._settings.timeout_s),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(self, question: Question, answer_tokens: int) -> Reply:
        """The model's answer. What the endpoint does not understand is said in simpler terms.

        Raises `Transient` (`timeout`, `connect`, `rate_limited`, `server_error`) or `Permanent` (`unauthorized`,
        `rejected`, `refused`, `truncated`, `too_large`, `bad_answer`).
        """
        dialect = self._dialect
        while True:
            status, body, headers = await self._post(self._request(question, answer_tokens, dialect))
            simpler = dialect.after(body.decode("utf-8", "replace")) if status in _REJECTED else None
            if simpler is None:
                break
            dialect = simpler
        _check_status(status, headers)
        self._dialect = dialect  # only what has been understood is worth keeping
        return _reply(body, question)

    def _request(self, question: Question, answer_tokens: int, dialect: _Dialect) -> bytes:
        schema = {"name": "fields", "schema": question.schema, "strict": question.is_strict}
        form = {"type": "json_schema", "json_schema": schema} if dialect.has_schema else {"type": "json_object"}
        request = {
            "model": self._settings.model,
            "messages": question.messages(),
            dialect.limit: answer_tokens,
            "response_format": form,
        }
        return orjson.dumps(request | ({"temperature": 0} if dialect.has_temperature else {}))

    async def _post(self, request: bytes) -> tuple[int, bytes, Mapping[str, str]]:
        if self._session is None:
            raise RuntimeError("the endpoint is not open: use it inside its `async with` block")
        try:
            async with self._session.post(self._url, data=request, allow_redirects=False) as response:
                return response.status, await _bounded(response), response.headers
        except TimeoutError as error:
            raise Transient(
                "the language model did not answer in time (process.llm.timeout_s)", reason="timeout"
            ) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            what = f"{type(error).__name__}: {error}"[:200]
            message = f"no answer from the language model at {self._settings.url} ({what}): check process.llm.url"
            raise Transient(message, reason="connect") from error


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise Permanent(f"the language model's answer exceeds {MAX_ANSWER_BYTES} bytes", reason="too_large")
    return bytes(body)


def _check_status(status: int, headers: Mapping[str, str]) -> None:
    if 200 <= status < 300:
        return
    what = f"the language model's endpoint answered with status {status}"
    if status == 429:
        raise Transient(what, reason="rate_limited", retry_after_s=_retry_after_s(headers.get("Retry-After", "")))
    if status == 408 or status >= 500:
        raise Transient(what, reason="server_error", retry_after_s=_retry_after_s(headers.get("Retry-After", "")))
    if status in (401, 403):
        raise Permanent(f"{what}: check process.llm.key", reason="unauthorized")
    raise Permanent(f"{what}: check process.llm.url and process.llm.model", reason="rejected")


def _retry_after_s(header: str) -> float | None:
    """Seconds or a date (RFC 9110, 10.2.3)."""
    if header.strip().isdecimal():
        return float(header[:9])
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _reply(body: bytes, question: Question) -> Reply:
    try:
        answer: Any = orjson.loads(body)
        choice = answer["choices"][0]
        message = choice["message"]
        text, refusal = message.get("content"), message.get("refusal")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        tokens = _tokens(None, question, body)
        raise Spent("the endpoint's answer is no chat completion", reason="bad_answer", tokens=tokens) from error
    tokens = _tokens(answer.get("usage"), question, text.encode() if isinstance(text, str) else b"")
    if refusal:
        raise Spent("the model refused to answer", reason="refused", tokens=tokens)
    if choice.get("finish_reason") == "length":
        what = "the model's answer was cut off (process.llm.max_tokens)"
        raise Spent(what, reason="truncated", tokens=tokens)
    if not isinstance(text, str):
        raise Spent("the model's answer has no text", reason="bad_answer", tokens=tokens)
    return Reply(text, tokens)


def _tokens(usage: object, question: Question, answer: bytes) -> int:
    given = usage.get("total_tokens") if isinstance(usage, dict) else None
    if isinstance(given, int) and not isinstance(given, bool) and 0 < given < 2**31:
        return given
    return question.estimated_tokens() + estimate_tokens(answer.decode("utf-8", "replace"))
