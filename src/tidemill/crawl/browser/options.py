"""How the browser is run: which Chromium, with which flags, and within which bounds.

The settings come in; the executable, Chromium's flags and a `BrowserOptions` for all of the browser's parts go out.
Called by the browser, and by the doctor, who only wants to know whether there is a Chromium.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tidemill.errors import Invalid
from tidemill.settings import NetSettings
from tidemill.settings.tree import BrowserSettings

# The shell without a user interface comes first: it renders a page with a fifth of the CPU time of the whole Chromium.
# Debian's is named by its path, because the script of that name in the search path stays in front of it.
_DEBIAN_SHELL = Path("/usr/lib/chromium/chromium-headless-shell")
_NAMES = (
    "chrome-headless-shell",
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
)
_MAC_PATHS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
_NO_UDP = "disable_non_proxied_udp"


@dataclass(frozen=True, slots=True)
class BrowserOptions:
    """How one browser is run: the settings that people have, and beside them what is ours to choose.

    After the load event a page has until its network was quiet for `quiet_s` seconds, at most `settings.settle_s`.
    `launch_timeout_s` is for Chromium to start and to open a page, `close_timeout_s` for either to close before it is
    ended by force. `viewport` is the size of a page, and of its picture, in pixels.
    """

    settings: BrowserSettings
    net: NetSettings
    launch_timeout_s: float = 30.0
    close_timeout_s: float = 5.0
    quiet_s: float = 0.2
    viewport: tuple[int, int] = (1280, 800)

    @property
    def sandboxed(self) -> bool:
        """Whether Chromium's own sandbox is on: always, but as root, for whom Chromium has none."""
        return os.geteuid() != 0


def find_browser(settings: BrowserSettings) -> Path:
    """Give the Chromium that pages would be rendered with.

    Raises `Invalid` (`no_browser`) if the extra `browser` or Chromium is missing.
    """
    if importlib.util.find_spec("playwright") is None:
        raise Invalid(
            "pages cannot be rendered here, the extra `browser` is missing: pip install 'tidemill[browser]', and "
            "install a Chromium (on Debian: apt-get install chromium-headless-shell); or crawl with `fetch: http`",
            reason="no_browser",
        )
    return find_chromium(settings.executable)


def find_chromium(executable: Path | None = None) -> Path:
    """Give the Chromium to start: `executable`, or the system's. Raises `Invalid` (`no_browser`)."""
    if executable is not None:
        if not os.access(executable, os.X_OK):
            raise Invalid(f"browser.executable: {executable} is no program; name a Chromium", reason="no_browser")
        return executable
    if os.access(_DEBIAN_SHELL, os.X_OK):
        return _DEBIAN_SHELL
    found = [path for path in map(shutil.which, _NAMES) if path]
    if sys.platform == "darwin":
        found += [path for path in _MAC_PATHS if os.access(path, os.X_OK)]
    if not found:
        raise Invalid(
            f"there is no Chromium here (looked for {', '.join(_NAMES)}); install one (on Debian: apt-get install "
            "chromium-headless-shell), or name its path in browser.executable",
            reason="no_browser",
        )
    return Path(found[0])


# Those of Playwright that make a hostile page's life easier are taken back.
UNWANTED_FLAGS = ("--disable-popup-blocking", "--disable-ipc-flooding-protection", "--enable-unsafe-swiftshader")


def chromium_flags() -> list[str]:
    """Give the flags that leave Chromium no way out but the proxy, and nothing to do but the page."""
    return [
        # Names are the proxy's business. Whatever would resolve one itself, finds none.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--dns-prefetch-disable",
        "--disable-quic",
        f"--webrtc-ip-handling-policy={_NO_UDP}",
        f"--force-webrtc-ip-handling-policy={_NO_UDP}",
        "--no-pings",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-domain-reliability",
        "--disable-client-side-phishing-detection",
        "--disable-sync",
        "--disable-extensions",
        "--disable-crash-reporter",
        "--disable-gpu",
        "--disable-3d-apis",
        "--disable-notifications",
        "--deny-permission-prompts",
        "--mute-audio",
        "--no-first-run",
    ]
