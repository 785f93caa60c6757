"""How captures become documents, and the language model that may help."""

from __future__ import annotations

import os

from pydantic import Field, SecretStr

from tidemill.settings.tree.group import Group


class LanguageModelSettings(Group):
    """The language model that may fill fields; off while `url` is empty."""

    url: str = Field("", description="Base URL of an OpenAI-compatible endpoint, such as `http://localhost:8080/v1`")
    key: SecretStr | None = Field(None, description="Sent as a bearer token")
    model: str = Field("", description="Name of the model")
    timeout_s: float = Field(30.0, gt=0, le=600, description="Longest time for one answer")
    max_chars: int = Field(12_000, ge=100, description="Characters of a document's text that are sent")
    max_tokens: int = Field(1000, ge=1, description="Tokens of one answer")
    daily_tokens: int = Field(1_000_000, ge=0, description="Tokens that may be spent in a day (UTC), by all processes")
    concurrency: int = Field(4, ge=1, le=100, description="Requests in flight in one processor")


class ProcessSettings(Group):
    """How captures become documents."""

    workers: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=1, le=128, description="Worker processes; default: one a core"
    )
    batch_size: int = Field(64, ge=1, le=1000, description="Captures stored in one transaction")
    timeout_s: float = Field(30.0, gt=0, le=600, description="Longest time for one capture before its worker is killed")
    memory_mb: int = Field(1024, ge=128, description="Address space one worker may add to what it starts with")
    recycle_after: int = Field(2000, ge=1, description="Captures after which a worker is replaced")
    max_attempts: int = Field(3, ge=1, le=20, description="Tries before a capture becomes a dead letter")
    min_entity_confidence: float = Field(
        0.7, ge=0, le=1, description="Named entities of which the model is less sure are left out"
    )
    spacy_models: tuple[str, ...] = Field(
        ("en_core_web_sm", "es_core_news_lg"), description="Installed spaCy models, one for each language"
    )
    llm: LanguageModelSettings = LanguageModelSettings()
