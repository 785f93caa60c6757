"""WARC in and out (ISO 28500:2017): captures as a standard web archive, and the archives of other tools as captures.

`tidemill export --format warc` calls `write_warc` (or `WarcWriter`), the `warc` source a `WarcIndex`, and `read_warc`
gives a whole file in its order; all speak `WarcEntry`.
"""

from tidemill.archive.warc.entry import WarcEntry, decoded_headers
from tidemill.archive.warc.index import WarcIndex, list_urls
from tidemill.archive.warc.read import read_warc
from tidemill.archive.warc.write import WarcTotals, WarcWriter, write_warc

__all__ = [
    "WarcEntry",
    "WarcIndex",
    "WarcTotals",
    "WarcWriter",
    "decoded_headers",
    "list_urls",
    "read_warc",
    "write_warc",
]
