"""Hosts whose scripts measure visitors or show advertisements, and add nothing to a page's text.

A host name comes in; whether it is one of them goes out. Called for every request of a page in the browser.
"""

from __future__ import annotations

_HOSTS = """
    adform.net adnxs.com adroll.com adsrvr.org amazon-adsystem.com amplitude.com bat.bing.com bidswitch.net
    bluekai.com bounceexchange.com branch.io casalemedia.com chartbeat.com chartbeat.net clarity.ms clicky.com
    connect.facebook.net crazyegg.com criteo.com criteo.net demdex.net doubleclick.net everesttech.net fullstory.com
    google-analytics.com googleadservices.com googlesyndication.com googletagmanager.com googletagservices.com
    heapanalytics.com hotjar.com hotjar.io imrworldwide.com kissmetrics.com krxd.net mathtag.com matomo.cloud
    mc.yandex.com mc.yandex.ru media.net mixpanel.com moatads.com mouseflow.com newrelic.com nr-data.net omtrdc.net
    openx.net outbrain.com parsely.com permutive.com pingdom.net plausible.io pubmatic.com quantserve.com
    rlcdn.com rubiconproject.com scorecardresearch.com sc-static.net segment.com segment.io sharethis.com
    smartadserver.com snap.licdn.com stats.wp.com static.ads-twitter.com taboola.com tealiumiq.com tiqcdn.com
    analytics.tiktok.com vwo.com visualwebsiteoptimizer.com webtrekk.net xiti.com yieldmo.com zemanta.com
"""
TRACKERS = frozenset(_HOSTS.split())


def is_tracker(host: str) -> bool:
    """Tell whether `host`, in lower case, is a tracker's or lies below one."""
    while host:
        if host in TRACKERS:
            return True
        host = host.partition(".")[2]
    return False
