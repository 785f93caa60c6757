"""What requests and answers look like: one true example for each shape of the OpenAPI document, by the shape's name.

All tell one story: Ada crawls a manual. Put into the document by `openapi`; a test holds each against its own schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tidemill.api.examples.crawling import CRAWLING
from tidemill.api.examples.documents import DOCUMENTS
from tidemill.api.examples.people import PEOPLE
from tidemill.api.examples.service import SERVICE
from tidemill.models.document import Json

EXAMPLES: Mapping[str, Mapping[str, Json]] = MappingProxyType({**CRAWLING, **DOCUMENTS, **PEOPLE, **SERVICE})
