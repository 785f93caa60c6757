"""How the browser is run: which Chromium, how many pages, how much memory and time.

Settings come in as a `BrowserOptions`; the executable and Chromium's flags go out. Called by the browser and its
processes.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tidemill.errors import Invalid

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
_MIB = 1024 * 1024
_NO_UDP = "disable_non_proxied_udp"


@dataclass(frozen=True, slots=True)
class BrowserOptions:
    """Bounds of the browser.

    `pages` are open at once in one Chromium, which is replaced after `recycle_after` pages, or when all its processes
    together pass three quarters of `memory_mb`. At `memory_mb` its largest page is killed, and so is any page whose
    own process passes `page_memory_mb`. A page may send `page_requests` requests and move `page_bytes` bytes;
    `max_html_bytes` bounds the document. After the load event the page has until the network was quiet for `quiet_s`
    seconds, at most `settle_s`. `sandbox` None means: on, but not as root, which Chromium does not allow.
    """

    executable: Path | None = None
    pages: int = 4
    recycle_after: int = 200
    memory_mb: int = 3072
    page_memory_mb: int = 1024
    page_requests: int = 500
    page_bytes: int = 64 * _MIB
    max_html_bytes: int = 32 * _MIB
    launch_timeout_s: float = 30.0
    close_timeout_s: float = 5.0
    quiet_s: float = 0.2
    settle_s: float = 3.0
    block_stylesheets: bool = False
    block_trackers: bool = True
    sandbox: bool | None = None
    viewport: tuple[int, int] = (1280, 800)

    @property
    def sandboxed(self) -> bool:
        """Whether Chromium's own sandbox is on."""
        return os.geteuid() != 0 if self.sandbox is None else self.sandbox


def find_chromium(executable: Path | None = None) -> Path:
    """Give the Chromium to start: `executable`, or the system's. Raises `Invalid` (`no_browser`)."""
    if executable is not None:
        if not os.access(executable, os.X_OK):
            raise Invalid(f"{executable} is not a program; name the Chromium to use", reason="no_browser")
        return executable
    if os.access(_DEBIAN_SHELL, os.X_OK):
        return _DEBIAN_SHELL
    found = [path for path in map(shutil.which, _NAMES) if path]
    if sys.platform == "darwin":
        found += [path for path in _MAC_PATHS if os.access(path, os.X_OK)]
    if not found:
        raise Invalid(
            f"there is no Chromium here (looked for {', '.join(_NAMES)}); install one, or name its path",
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
