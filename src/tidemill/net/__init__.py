"""The way out of the house: a guarded HTTP client.

URLs come in, bounded and decoded responses or errors of `tidemill.errors` go out. Crawl, webhooks and notifiers all
use it; nothing else in the house opens a connection to a stranger.
"""

from tidemill.net.client import Client
from tidemill.net.profile import Profile
from tidemill.net.response import Response

__all__ = ["Client", "Profile", "Response"]
