"""Problem documents (RFC 9457) as the OpenAPI document describes them; `http/problems.py` writes them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class WrongValue(BaseModel):
    """One value that is not acceptable."""

    model_config = ConfigDict(extra="forbid")

    detail: str
    pointer: str | None = Field(None, description="Where in the body (RFC 6901)", examples=["#/max_pages"])
    parameter: str | None = Field(None, description="Which parameter", examples=["limit"])
    in_: str | None = Field(None, alias="in", description="Where the parameter is", examples=["query"])


class ProblemDocument(BaseModel):
    """What went wrong. `type` is stable; `detail` is for people."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(examples=["urn:tidemill:problem:no_such_run"])
    title: str = Field(examples=["Not found"])
    status: int = Field(examples=[404])
    detail: str
    request_id: str | None = Field(description="The X-Request-ID of the answer, under which the log tells more")
    errors: list[WrongValue] = Field(default_factory=list)
