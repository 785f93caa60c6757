"""Pages that need a browser: Chromium behind our own guarded proxy.

A URL comes in (`browser.Browser`); what Chromium made of it goes out as a `rendered.Rendered`, or an error of
`tidemill.errors`. Called by `crawl.rendering`. Needs the extra `browser` and a Chromium of the system, which
`options.find_browser` looks for; that and `rendered` import nothing of the extra.
"""
