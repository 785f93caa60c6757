"""The cluster that tests of the search need: a stand-in from a wheel, or a real one of `TIDEMILL_TEST_OPENSEARCH_URL`.

The stand-in (`osmem-server`) keeps everything in memory and speaks the protocol of OpenSearch 3. What it does not do,
and what therefore only a real cluster proves: shards on several nodes and their failures, back-pressure (429), refusing
a user, surviving its own end, and scores to the last digit. Elasticsearch is never run here.
"""

from __future__ import annotations

import atexit
import os
from functools import cache

from osmem_server import OsmemServer

_URL = "TIDEMILL_TEST_OPENSEARCH_URL"


@cache
def need_opensearch() -> str:
    """The URL of the cluster of this test process, as `search.url` has it."""
    given = os.environ.get(_URL)
    if given:
        return given
    server = OsmemServer.start()
    atexit.register(server.close)
    return "opensearch://" + server.url.partition("://")[2].rstrip("/")
