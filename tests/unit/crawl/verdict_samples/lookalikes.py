"""Good pages that speak of walls, or look a little like one: none of them may be taken for one."""

from __future__ import annotations

from tests.unit.crawl.verdict_samples.pages import SITE, Sample, prose, site, teasers

_HEADER_LOGIN = (
    '<form action="/login"><input type="text" name="user"><input type="password" name="pass"><label>Remember me</label>'
    "<button>Log in</button></form>"
)
_BLOG = '<meta property="og:type" content="article"><meta property="article:published_time" content="2026-03-01">'
_JSD = (
    '<script>(function(){window.__CF$cv$params={r:"8c"};a.src="/cdn-cgi/challenge-platform/scripts/jsd/main.js"})();'
    "</script>"
)
_SENSORS = (
    '<script src="/_Incapsula_Resource?SWJIYLWA=719d34d31c8e3a6e6fffd425f7e032f3"></script><script>'
    'window._pxAppId="PXu6";</script>'
    '<script src="https://js.datadome.co/tags.js"></script>'
)


def _page(name: str, title: str, main: str, path: str = "/blog/post", **kinds: str) -> Sample:
    return Sample(name, site(f"{title} | Harbour Lane", main, **kinds), url=SITE + path)


def _status_doc(code: str, name: str, said: str) -> Sample:
    main = (
        f"<h1>{code} {name}</h1><p>{said}</p><h2>Syntax</h2><pre>{code} {name}</pre><h2>Notes</h2><p>Servers may add "
        f"a representation "
        "that explains the situation, and whether it lasts. Clients should show it to the user. Caches treat the "
        "response by the usual "
        "rules, unless the method or explicit directives say otherwise.</p><h2>Specifications</h2><p>RFC 9110, "
        "section 15.5.</p>"
    )
    return _page(f"doc of {code}", f"{code} {name} - HTTP", main, f"/docs/http/status/{code}")


ARTICLES = (
    _page("article on captchas", "How captchas work", "<h1>How captchas work</h1>" + prose("captchas", 40), head=_BLOG),
    _page(
        "short note on captchas",
        "What is a captcha?",
        "<h1>What is a captcha?</h1><p>A captcha is a test that tells people from programs. "
        "You may be asked to type distorted letters, to click on the pictures with a bus, or only to confirm that "
        "you are not a robot.</p>",
        "/glossary/captcha",
    ),
    _page(
        "history of 404",
        "404 – the history of an error page",
        "<h1>404 – the history of an error page</h1><p>“The page you are looking "
        "for could not be found”: few sentences are read as often.</p>" + prose("error pages", 15),
        head=_BLOG,
    ),
    _page(
        "design of 404 pages",
        "20 great page not found designs",
        "<h1>20 great page not found designs</h1>" + prose("error pages", 20),
    ),
    _page(
        "question on 404",
        "Page not found after upgrade",
        "<h1>Page not found after upgrade</h1><p>Since the upgrade every link to my shop "
        "gives “page not found”. The server answers 404, although the files exist. What did I miss?</p><p>Answer: "
        "clear the route cache "
        "and check the rewrite rules.</p>",
        "/forum/t/8812",
    ),
    _page(
        "thread on cloudflare",
        "Stuck at “Just a moment...”",
        "<h1>Stuck at “Just a moment...”</h1><p>My crawler is stuck at “Checking your "
        "browser before accessing”. Cloudflare says “Verify you are human” and the Ray ID changes each "
        "time.</p><p>Re: same here, "
        "window._cf_chl_opt is in the page.</p>" + prose("challenges", 10),
        "/forum/t/991",
    ),
    _page(
        "thread on blocked",
        "Sorry, you have been blocked?",
        "<h1>Sorry, you have been blocked? Post here</h1><p>If you see “Access denied” "
        "on our wiki, post your address and the time in this thread; a moderator will look at it within a day or "
        "two.</p>",
        "/forum/t/14",
    ),
    _page(
        "news on a login leak",
        "Log in data of millions leaked",
        "<h1>Log in data of millions leaked</h1>" + prose("passwords", 25),
        in_header=_HEADER_LOGIN,
    ),
    _page(
        "how to log in",
        "How to log in | Help",
        "<h1>How to log in</h1><p>Open the menu and choose Log in. Type your email address and your "
        "password. If you forgot your password, use the link below the form; we send you a message with a new one. "
        "You stay logged in "
        "for 30 days on your own devices.</p><ol><li>Open the menu.</li><li>Choose Log in.</li></ol>",
        "/help/log-in",
    ),
    _page(
        "cookie policy",
        "Cookie policy",
        "<h1>Cookie policy</h1><p>This site uses cookies. Cookies are small files that partners may set to "
        "measure advertising. We ask for your consent before any tracking. You can withdraw consent at any time and "
        "reject cookies in "
        "your browser. Third parties act as our vendors.</p>" + prose("cookies", 10),
        "/cookies",
    ),
    _page(
        "short cookie policy",
        "Cookies",
        "<h1>Cookies</h1><p>We set one cookie, which keeps your basket. No partners, no tracking, no "
        "advertising, and therefore no consent.</p>",
        "/cookies",
    ),
    _page(
        "review of paywalls",
        "Do paywalls work?",
        "<h1>Do paywalls work?</h1><p>“Subscribe to continue reading”: most readers turn away.</p>"
        + prose("paywalls", 20),
        head=_BLOG,
    ),
    _page(
        "rate limits in an API",
        "Rate limits - API",
        "<h1>Rate limits</h1><p>Each key may send 60 requests a minute. Beyond that the API "
        "answers 429 Too Many Requests with Retry-After. Wait that many seconds and send the request again.</p>",
        "/docs/api/rate-limits",
    ),
    _page(
        "maintenance of boats",
        "Maintenance",
        "<h1>Maintenance</h1><p>Grease the winches twice a year, rinse the sails with fresh water, and "
        "have the engine looked at before each season. A boat under maintenance in March sails in May.</p>",
        "/guides/maintenance",
    ),
    _page(
        "film called 404",
        "404",
        "<h1>404</h1><p>Thriller, 2011, 118 minutes. A student moves into room 404, where another student died three "
        "years before, and begins to see him. Directed with patience, and well "
        "played.</p><dl><dt>Country</dt><dd>India</dd></dl>",
        "/films/404",
    ),
    _page(
        "song called gone",
        "Gone",
        "<h1>Gone</h1><p>From the album “Celebrity”. Written on a tour bus in the winter of 2000, recorded in one "
        "night, and the only one of the record with strings.</p>",
        "/songs/gone",
    ),
    _page(
        "lost and found",
        "Lost and found",
        "<h1>Lost and found</h1><p>If you lost something at the harbour, ask at the office. What is not "
        "found within six months goes to the city.</p>",
        "/lost",
    ),
    _page(
        "recall of a product",
        "Kettle no longer available",
        "<h1>Why our kettle is no longer available</h1><p>In May we took the kettle out of "
        "the shop. Its handle could break. Everyone who bought one gets the money back; write to us with a picture "
        "of the label.</p>",
        "/news/kettle",
    ),
    _page(
        "spanish article",
        "Página no encontrada: historia de un error",
        "<h1>Página no encontrada: historia de un error</h1><p>El mensaje "
        "más leído de la red cumple treinta años.</p>" + prose("errores", 15),
        lang="es",
        head=_BLOG,
    ),
    _page(
        "german article",
        "Zugriff verweigert: wie Behörden Daten sperren",
        "<h1>Zugriff verweigert: wie Behörden Daten sperren</h1>" + prose("Daten", 20),
        lang="de",
        head=_BLOG,
    ),
    _page(
        "access denied, the band",
        "Access Denied - Biography",
        "<h1>Access Denied</h1><p>The band was founded in Bologna in 1989 and broke up "
        "after two records. Its singer now runs a studio in Turin. A third record was found on tape in 2019 and came "
        "out a year later, to "
        "kind reviews; the cover shows the door of the room in which they practised.</p>",
        "/bands/access-denied",
    ),
)

DOCS = (
    _status_doc(
        "404",
        "Not Found",
        "The 404 status code says that the server cannot find the requested resource. Links that lead to a 404 page "
        "are called broken, or dead.",
    ),
    _status_doc(
        "403", "Forbidden", "The 403 status code says that the server understood the request and refuses to process it."
    ),
    _status_doc(
        "429",
        "Too Many Requests",
        "The 429 status code says that a client sent more requests than it may within some time.",
    ),
    _status_doc("410", "Gone", "The 410 status code says that the resource was there and that it is not coming back."),
    _status_doc(
        "401", "Unauthorized", "The 401 status code says that valid credentials are missing; a challenge tells which."
    ),
)

SHORT = (
    _page(
        "contact with captcha",
        "Contact",
        "<h1>Contact</h1><p>Write to us.</p><form><input type='text' name='name'><input type='email'>"
        "<textarea></textarea><div class='g-recaptcha'></div><button>Send</button></form>",
        "/contact",
    ),
    _page(
        "newsletter with captcha",
        "Newsletter",
        "<h1>Newsletter</h1><p>One letter a month.</p><form><input type='email'>"
        "<div class='h-captcha'></div><button>Subscribe</button></form>",
        "/newsletter",
    ),
    _page("opening hours", "Opening hours", "<h1>Opening hours</h1><p>Monday to Friday, 9 to 5.</p>", "/hours"),
    _page(
        "short with header login",
        "Ferry times",
        "<h1>Ferry times</h1><p>The ferry leaves on the hour.</p>",
        "/ferry",
        in_header=_HEADER_LOGIN,
    ),
    _page(
        "page with bot sensors",
        "Ferry prices",
        "<h1>Ferry prices</h1><p>Adults 4, children 2.</p>",
        "/prices",
        head=_JSD + _SENSORS,
    ),
    Sample(
        "page with a policy that names captchas",
        site("Ferry prices", "<h1>Ferry prices</h1><p>Adults 4, children 2.</p>"),
        headers={
            "content-security-policy": "script-src https://hcaptcha.com https://challenges.cloudflare.com",
            "x-cdn": "Imperva",
            "server": "cloudflare",
            "cf-ray": "8c1f",
        },
    ),
    _page(
        "product with empty widget",
        "Blue lamp",
        "<h1>Blue lamp</h1><p>A lamp of blue glass, 40 cm high.</p><p>£ 45</p><section><h2>Reviews"
        "</h2><p>No results found.</p></section>",
        "/p/blue-lamp",
    ),
    _page(
        "product in one region",
        "Blue lamp",
        "<h1>Blue lamp</h1><p>A lamp of blue glass, hand-blown in a workshop on the north coast, 40 cm "
        "high, with a brass foot and two metres of cable. Ships within three days from our own store. The shade is "
        "glued and cannot be "
        "replaced. Delivery is not available in your region yet.</p>" + teasers(4),
        "/p/blue-lamp",
    ),
    _page(
        "sold out",
        "Red lamp",
        "<h1>Red lamp</h1><p>£ 45. Currently not available; tell me when it is back.</p>" + teasers(6),
        "/p/red-lamp",
    ),
    _page(
        "search with results",
        "Search results for lamp",
        "<h1>Search results for “lamp”</h1><p>24 results</p>" + teasers(24),
        "/search?q=lamp",
    ),
    _page(
        "gallery",
        "Harbour at night",
        "<h1>Harbour at night</h1>" + "<figure><img src='/a.jpg'><figcaption>Pier</figcaption></figure>" * 5,
        "/gallery/4",
    ),
    _page(
        "job",
        "Night porter",
        "<h1>Night porter</h1><p>We look for a night porter. Log in to your account to apply, or write to us.</p>",
        "/jobs/12",
    ),
    _page(
        "preview of a member article",
        "Knots",
        "<h1>Knots</h1>" + prose("knots", 14) + "<p>Already a subscriber? Log in.</p>",
        "/knots",
    ),
    _page(
        "calendar without events today",
        "Events in March",
        "<h1>Events in March</h1><p>No events today. Next: harbour run, 12 March, 10:00, "
        "start at the old lighthouse; children's flea market, 19 March.</p>",
        "/events/march",
    ),
    Sample("tiny page", "<html><head><title>ok</title></head><body><p>Hello, world.</p></body></html>"),
    Sample(
        "page without markup",
        "<p>Minutes of the meeting of 4 May: present were five members; the roof was discussed.</p>",
    ),
    _page(
        "thread without form",
        "Winch squeaks",
        "<h1>Winch squeaks</h1><p>Mine squeaks when it is cold. Ideas?</p><p>Grease.</p><p>You must be "
        "logged in to reply to this topic.</p>",
        "/forum/t/77",
    ),
)

LOOKALIKES = (*ARTICLES, *DOCS, *SHORT)

NO_SHELLS = (
    site(
        "Ferry times",
        "<h1>Ferry times</h1><p>The ferry leaves on the hour, every day of the year, from the old pier below the "
        "lighthouse. In "
        "winter the last one goes at eight in the evening. Bicycles are free; dogs pay half. Tickets are sold on "
        "board, in coins only, and the "
        "crossing takes twenty minutes when the wind is kind.</p>",
    ),
    "<html><head><title>x</title></head><body><p>Short, and without any script.</p></body></html>",
    '<html><head><title>x</title><script src="/count.js"></script></head><body><h1>Opening hours</h1><p>Monday to '
    "Friday, 9 to 5, and on "
    "Saturdays until noon. Closed on holidays. Ring the bell at the gate if nobody is there.</p></body></html>",
)
"""Pages that can be read without JavaScript."""
