"""What must fit together for an archive on S3. In: the group `archive`. Out: problems. Called by `checks.py`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from tidemill.settings.problems import Problem
from tidemill.settings.tree import ArchiveSettings

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")
_KEYS = ("access_key", "secret_key")


def check_archive(archive: ArchiveSettings) -> Iterator[Problem]:
    """Every problem of an archive on S3; there is none with one in files."""
    if not archive.url.startswith("s3:"):
        return
    yield from _check_url(archive.url)
    yield from _check_keys(archive)
    yield from _check_endpoint(archive)
    if archive.kms_key and archive.encryption != "aws:kms":
        yield Problem("archive.kms_key", "a key without use", "set archive.encryption to aws:kms, or take the key out")


def _check_url(url: str) -> Iterator[Problem]:
    try:
        parsed = urlsplit(url)
    except ValueError:
        parsed = SplitResult("s3", "", "", "", "")
    if "@" in parsed.netloc:
        yield Problem("archive.url", "holds keys", "write them as archive.access_key and archive.secret_key")
    elif not _BUCKET.match(parsed.netloc):
        yield Problem("archive.url", "no bucket's name", "write it like s3://bucket/prefix")
    if parsed.query or parsed.fragment or ".." in parsed.path.split("/"):
        yield Problem("archive.url", "more than a bucket and a prefix", "write it like s3://bucket/prefix")


def _check_keys(archive: ArchiveSettings) -> Iterator[Problem]:
    given = [each for each in _KEYS if (key := getattr(archive, each)) is not None and key.get_secret_value().strip()]
    if archive.credentials == "chain":
        for each in given:
            yield Problem(f"archive.{each}", "two ways to get keys", "take it out, or take archive.credentials out")
        return
    for each in _KEYS:
        if each not in given:
            yield Problem(
                f"archive.{each}", "S3 wants one", "set it, or archive.credentials to chain for the provider's own"
            )


def _check_endpoint(archive: ArchiveSettings) -> Iterator[Problem]:
    if not archive.endpoint:
        return
    if not re.match(r"https?://[^/?#@\s]+/?\Z", archive.endpoint):
        yield Problem("archive.endpoint", "not the URL of a server", "write it like https://s3.example:9000")
    elif archive.endpoint.startswith("http:") and not archive.allow_http:
        yield Problem("archive.endpoint", "no TLS", "use https, or set archive.allow_http to true")
