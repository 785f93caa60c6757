"""The site, the identifiers and the hashes of the examples."""

from __future__ import annotations

SITE = "https://example.org/manual/"
PAGE = "https://example.org/manual/tides.html"
SOURCE = "0f4c2a9e-5b1d-8c3a-9e21-6d0f7a8b9c10"
RUN = "01a205b3-d001-7c3e-8a52-0b6f1e9d4c77"
CAPTURE = "01a205b3-d8f4-7a10-b5c6-2e8d9f0a1b34"
DOCUMENT = "3e9fa989-3753-8793-94b1-f00784858353"
LETTER = "01a205b5-b6d2-7f08-9c41-7a3b5d6e8f90"
EXPORT = "01a205c0-1a2b-7d4c-8e5f-90a1b2c3d4e5"
USER = "01890a5d-ac96-774b-bcce-b302099a8057"
HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"  # pragma: allowlist secret
CURSOR = "MS45YjBhOGE0Zi41MTIzLjA"
GROUP = "6a1f0c9b2d34"  # pragma: allowlist secret
PREFIX = "3f9c01ab52d7"  # pragma: allowlist secret
