"""Why a record of a WARC file gives no capture: a closed list of reasons, counted by the reader.

Raised inside this folder alone; `read_warc` and the index count it and go on.
"""

from __future__ import annotations

BAD_GZIP = "bad_gzip"  # a compressed member is damaged
INFLATION = "inflation"  # a compressed member is a bomb
CUT_OFF = "cut_off"  # the file or the member ends within the record
BAD_RECORD = "bad_record"  # no WARC header, or none with a length
BAD_DIGEST = "bad_digest"  # the block of an uncompressed record has another digest
BAD_HTTP = "bad_http"  # the block is no HTTP response
BAD_ENCODING = "bad_encoding"  # the body is not what Content-Encoding says, or that is unknown
BAD_DATE = "bad_date"  # no time of capture
TOO_LARGE = "too_large"  # the body is over the limit
NOT_HTTP = "not_http"  # the target is no http or https URL
NOT_MODIFIED = "not_modified"  # the response says that the page had not changed, and holds no page
SEGMENTED = "segmented"  # the record is one part of a divided one
UNRESOLVED_REVISIT = "unresolved_revisit"  # the body is not in this file, or not to be found again


class BadRecord(Exception):
    """One record cannot be used; `why` is one of the reasons above."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
