"""What the archive asks of S3 on the wire: encryption, checksums, where the bucket stands, and uploads given up."""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import pytest
from pydantic import SecretStr
from tests.harness.s3_recorder import Recorder, recorder

from tidemill.archive.bucket import Bucket
from tidemill.errors import Permanent, Transient
from tidemill.settings import ArchiveSettings

URL = "s3://bucket/prefix"
LARGE = 20 << 20
SSE = "x-amz-server-side-encryption"
KEY = f"{SSE}-aws-kms-key-id"


@pytest.fixture
async def s3_recorder() -> AsyncIterator[Recorder]:
    async with recorder() as recording:
        yield recording


def bucket(recording: Recorder, **changed: Any) -> Bucket:
    keys = {"access_key": SecretStr("me"), "secret_key": SecretStr("mine")}  # pragma: allowlist secret
    values = {"url": URL, "endpoint": recording.endpoint, "allow_http": True, "deadline_s": 20.0, **keys, **changed}
    return Bucket(ArchiveSettings.model_validate(values), URL)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, {}),
        ({"encryption": "AES256"}, {SSE: "AES256"}),
        ({"encryption": "aws:kms"}, {SSE: "aws:kms"}),
        ({"encryption": "aws:kms", "kms_key": "key-7"}, {SSE: "aws:kms", KEY: "key-7"}),
    ],
    ids=["none", "sse-s3", "sse-kms", "sse-kms-key"],
)
async def test_encryption_is_asked_for_with_whatever_makes_an_object(
    s3_recorder: Recorder, given: dict[str, str], sent: dict[str, str]
) -> None:
    """Small ones, those in parts, and those that a sweep moves."""
    there = bucket(s3_recorder, **given)
    await there.put("packs/small", b"x")
    await there.put("packs/large", bytes(LARGE))
    await there.move("packs/small", "trash/small")
    making = s3_recorder.of("put", "begin", "copy")
    assert [each.action for each in making] == ["put", "begin", "copy"]
    for each in making:
        assert {name: value for name, value in each.headers.items() if name.startswith(SSE)} == sent, each.action


async def test_every_byte_that_is_sent_has_a_checksum(s3_recorder: Recorder) -> None:
    content = os.urandom(LARGE)
    there = bucket(s3_recorder)
    await there.put("packs/small", b"small")
    await there.put("packs/large", content)
    sending = s3_recorder.of("put", "part")
    assert len(sending) == 1 + 3
    for each in sending:
        wanted = base64.b64encode(sha256(each.body).digest()).decode()
        assert each.headers["x-amz-checksum-sha256"] == wanted
        assert each.headers["x-amz-content-sha256"] == sha256(each.body).hexdigest(), "signed with the body"
    parts = sorted(s3_recorder.of("part"), key=lambda each: each.action)
    assert b"".join(each.body for each in parts) == content


@pytest.mark.parametrize(
    ("addressing", "in_path"), [("auto", True), ("path", True), ("virtual", False)], ids=["auto", "path", "virtual"]
)
async def test_the_bucket_stands_where_it_was_told_to(
    s3_recorder: Recorder, addressing: str, in_path: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stand-in is asked as a proxy, since no name of this machine has others below it."""
    monkeypatch.setenv("HTTP_PROXY", s3_recorder.endpoint)
    there = bucket(s3_recorder, endpoint="http://s3.example:9000", addressing=addressing)
    await there.put("packs/one", b"x")
    (asked,) = s3_recorder.asked
    assert asked.path == ("/bucket/prefix/packs/one" if in_path else "/prefix/packs/one")
    assert asked.host == ("s3.example" if in_path else "bucket.s3.example")


@pytest.mark.parametrize("status", [403, 400])
async def test_an_upload_that_is_refused_half_way_leaves_no_parts(s3_recorder: Recorder, status: int) -> None:
    s3_recorder.refuses = lambda action: status if action == "part 2" else None
    with pytest.raises(Permanent):
        await bucket(s3_recorder).put("packs/large", bytes(LARGE))
    assert s3_recorder.of("complete") == []
    assert len(s3_recorder.of("abort")) == 1


async def test_an_upload_that_fails_for_a_while_leaves_no_parts_of_any_try(s3_recorder: Recorder) -> None:
    failing = iter([503, 503])
    s3_recorder.refuses = lambda action: next(failing, None) if action == "part 3" else None
    await bucket(s3_recorder).put("packs/large", bytes(LARGE))
    assert len(s3_recorder.of("begin")) == 3
    assert (len(s3_recorder.of("abort")), len(s3_recorder.of("complete"))) == (2, 1)


async def test_an_upload_that_comes_to_no_end_is_given_up(s3_recorder: Recorder) -> None:
    """The deadline passes in the middle of a try: that one ends, and takes its parts away, behind the caller's back."""
    s3_recorder.refuses = lambda action: 503 if action == "complete" else None
    there = bucket(s3_recorder, deadline_s=0.5)
    with pytest.raises(Transient):
        await there.put("packs/large", bytes(LARGE))
    await there.close()
    assert len(s3_recorder.of("abort")) == len(s3_recorder.of("begin"))
