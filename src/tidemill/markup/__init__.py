"""Bytes and markup from strangers, made safe to work with.

`charset.decode` turns a body into text, `parse.parse_html` turns text into a tree and refuses what would hang a parser.
Crawl (links) and process (extraction) both come through here.
"""

from tidemill.markup.charset import decode
from tidemill.markup.parse import LexborHTMLParser, parse_html

__all__ = ["LexborHTMLParser", "decode", "parse_html"]
