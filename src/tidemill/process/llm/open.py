"""The language model of the settings, for as long as a block runs. Called by whoever computes captures.

Its libraries are imported only if there is one: to start without is a tenth faster.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tidemill.settings.tree import LanguageModelSettings
from tidemill.store.engine import Store

if TYPE_CHECKING:
    from tidemill.process.llm.model import LanguageModel


@asynccontextmanager
async def open_model(
    settings: LanguageModelSettings, store: Store, *, pays: bool = True
) -> AsyncIterator[LanguageModel | None]:
    """The language model of the settings; `None` while they name no endpoint."""
    if not settings.url:
        yield None
        return
    from tidemill.process.llm.endpoint import Endpoint
    from tidemill.process.llm.model import LanguageModel

    async with Endpoint(settings) as endpoint:
        yield LanguageModel(settings, store, endpoint, pays=pays)
