"""The language model as the processor sees it: documents in, the same with the fields they lacked.

Comes in: what the pipeline made of a capture; goes out: the same, better or flagged with the reason why not. Called by
`process.compute`. Whatever happens to a question, the document is stored.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from weakref import WeakValueDictionary

from tidemill.errors import Permanent, TidemillError, Transient
from tidemill.models.capture import Capture
from tidemill.models.document import Draft, Json, Processed
from tidemill.models.failure import Failure
from tidemill.models.source import ProcessRules
from tidemill.process.extract.times import zone_of
from tidemill.process.llm.answer import check, check_schema, fill, flagged
from tidemill.process.llm.breaker import Breaker
from tidemill.process.llm.endpoint import Endpoint, Reply, Spent
from tidemill.process.llm.question import Question, about, candidates
from tidemill.settings.tree import LanguageModelSettings
from tidemill.store import llm
from tidemill.store.engine import Store
from tidemill.store.llm import Need
from tidemill.telemetry.logs import get_logger

Finish = Callable[[Processed, Capture, ProcessRules], Awaitable[Processed | Failure]]
"""Takes drafts through all steps again, in a process that may be killed."""

_TRIES = 2
_LEAST_ANSWER_TOKENS = 100
_JITTER_S = (0.2, 1.0)
_HOPELESS = ("unauthorized", "rejected")
_log = get_logger(__name__)


class LanguageModel:
    """Asks for the fields that documents lack. With `pays=False` only kept answers are used and nothing is sent."""

    def __init__(self, settings: LanguageModelSettings, store: Store, endpoint: Endpoint, *, pays: bool = True) -> None:
        self._settings, self._store, self._endpoint, self._pays = settings, store, endpoint, pays
        self._places = asyncio.Semaphore(settings.concurrency)
        self._breaker = Breaker(asyncio.get_running_loop().time)
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._random = random.Random()  # noqa: S311 - jitter

    async def complete(self, capture: Capture, processed: Processed, rules: ProcessRules, finish: Finish) -> Processed:
        """The documents of a page, those that lacked wanted fields with what the model says, finished again.

        Never raises for what is the model's fault: the document then has the flag `llm_failed:<reason>`.
        """
        chosen = {draft.item_key: draft for draft in candidates(processed, rules.llm)} if rules.llm.fields else {}
        for key, draft in chosen.items():
            filled = await self._filled(capture, draft, rules)
            if filled.provenance != draft.provenance:
                filled = await _finished(filled, draft, capture, rules, finish)
            drafts = tuple(filled if each.item_key == key else each for each in processed.drafts)
            processed = replace(processed, drafts=drafts)
        return processed

    async def _filled(self, capture: Capture, draft: Draft, rules: ProcessRules) -> Draft:
        question = about(draft, rules.llm, self._settings.max_chars)
        if question is None:
            return draft
        try:
            values = await self._answer(capture.run_id, question, rules.llm.max_pages)
            return fill(draft, values, model=self._settings.model, url=capture.url, zone=zone_of(rules))
        except Exception as error:  # noqa: BLE001 - a field is never worth a document; what is unforeseen is logged in full
            reason = error.reason if isinstance(error, TidemillError) else "internal_error"
            seen = {"capture_id": capture.id, "url": capture.url, "reason": reason, "error": str(error)}
            unforeseen = not isinstance(error, TidemillError)
            _log.warning("the language model did not help", action="llm.failed", exc_info=unforeseen, **seen)
            return flagged(draft, reason)

    async def _answer(self, run_id: str, question: Question, max_pages: int) -> dict[str, Json]:
        key = question.key(self._settings.model)
        async with self._asking.setdefault(key, asyncio.Lock()):  # equal pages of a batch ask once
            if (kept := await llm.answer(self._store, key)) is not None:
                return kept
            if not self._pays:
                raise Permanent("no answer is kept for this text, and none is asked for", reason="not_asked")
            async with self._places:
                return await self._ask(run_id, question, key, max_pages)

    async def _ask(self, run_id: str, question: Question, key: str, max_pages: int) -> dict[str, Json]:
        if self._breaker.is_resting():
            raise Transient("the language model failed lately and is left alone for a while", reason="unavailable")
        check_schema(question)
        settings = self._settings
        prompt_tokens = question.estimated_tokens()
        need = Need(prompt_tokens, settings.max_tokens, _LEAST_ANSWER_TOKENS)
        limits = {"daily_tokens": settings.daily_tokens, "max_pages": max_pages}
        reservation = await llm.reserve(self._store, run_id, need, **limits)
        try:
            reply = await self._tried(question, reservation.answer_tokens)
            values = _checked(reply, question)
        except TidemillError as error:
            await llm.settle(self._store, reservation, _price(error, prompt_tokens))
            raise
        return await llm.keep(self._store, reservation, key, values, reply.tokens)

    async def _tried(self, question: Question, answer_tokens: int) -> Reply:
        """The reply to the first request or, if trying again may help and there is time, to the second."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.timeout_s
        for attempt in range(1, _TRIES + 1):
            try:
                async with asyncio.timeout_at(deadline):
                    reply = await self._endpoint.ask(question, answer_tokens)
            except (TidemillError, TimeoutError) as error:
                fault = error if isinstance(error, TidemillError) else _late()
                pause_s = _pause_s(fault, self._random)
                if attempt == _TRIES or pause_s is None or loop.time() + pause_s >= deadline:
                    self._note(fault)
                    raise fault from error
                await asyncio.sleep(pause_s)
            else:
                self._breaker.succeeded()
                return reply
        raise AssertionError("unreachable")

    def _note(self, fault: TidemillError) -> None:
        """What the endpoint's failure says about the next request; an answer that is of no use says nothing."""
        if isinstance(fault, Transient):
            self._breaker.failed(retry_after_s=fault.retry_after_s)
        elif fault.reason in _HOPELESS:
            self._breaker.failed(at_once=fault.reason == "unauthorized")
        else:
            self._breaker.succeeded()


async def _finished(filled: Draft, draft: Draft, capture: Capture, rules: ProcessRules, finish: Finish) -> Draft:
    """The filled draft after all steps, or the one from before if they fail on it."""
    result = await finish(Processed(capture.id, (filled,)), capture, rules)
    if isinstance(result, Processed) and result.drafts:
        return result.drafts[0]
    why = result.message if isinstance(result, Failure) else "no draft came back"
    _log.warning("the answer broke a step", action="llm.failed", capture_id=capture.id, url=capture.url, error=why)
    return flagged(draft, "steps")


def _checked(reply: Reply, question: Question) -> dict[str, Json]:
    try:
        return check(reply.text, question)
    except Permanent as error:
        raise Spent(str(error), reason=error.reason, tokens=reply.tokens) from error


def _late() -> Transient:
    return Transient("the language model did not answer in time (process.llm.timeout_s)", reason="timeout")


def _pause_s(fault: TidemillError, chance: random.Random) -> float | None:
    """How long to wait before trying again; `None` if that would not help."""
    if not isinstance(fault, Transient):
        return None
    return chance.uniform(*_JITTER_S) + (fault.retry_after_s or 0.0)


def _price(fault: TidemillError, prompt_tokens: int) -> int:
    """What a request without a usable answer has cost; one that was not answered in time may have been worked on."""
    if isinstance(fault, Spent):
        return fault.tokens
    return prompt_tokens if fault.reason == "timeout" else 0
