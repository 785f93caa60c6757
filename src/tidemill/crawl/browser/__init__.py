"""Pages that need a browser: Chromium behind our own guarded proxy.

A URL comes in; what Chromium made of it goes out as a `Rendered`, or an error of `tidemill.errors`. Called by the crawl
for sources and pages that cannot be read without JavaScript. Needs the extra `browser` and a Chromium of the system.
"""

from tidemill.crawl.browser.browser import Browser
from tidemill.crawl.browser.options import BrowserOptions, find_chromium
from tidemill.crawl.browser.rendered import Redirect, Rendered

__all__ = ["Browser", "BrowserOptions", "Redirect", "Rendered", "find_chromium"]
