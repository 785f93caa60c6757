"""Walls and holes as sites and their guards send them: our own text, in the manner of the real ones."""

from __future__ import annotations

from tests.unit.crawl.verdict_pages import SITE, Sample, bare, site, teasers

_CF = (
    '<script>(function(){window._cf_chl_opt={cvId:"3",cType:"managed",cRay:"8c1f"};var a=document.createElement("script");'
    'a.src="/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1?ray=8c1f";})();</script>'
)


def _cloudflare(name: str, title: str, said: str, lang: str) -> Sample:
    body = (
        f'<div class="main-wrapper"><h1>www.harbour-lane.example</h1><p>{said}</p><noscript>Enable JavaScript and cookies to '
        f'continue</noscript></div>{_CF}<div class="footer">Ray ID: <code>8c1fa2</code></div>'
    )
    return Sample(name, bare(title, body, lang=lang), "challenge", status=403, headers={"cf-mitigated": "challenge"})


PROTECTION = (
    _cloudflare("cloudflare en", "Just a moment...", "Verifying you are human. This may take a few seconds.", "en"),
    _cloudflare("cloudflare es", "Un momento…", "Verificando que usted es un ser humano.", "es"),
    _cloudflare("cloudflare de", "Nur einen Moment…", "Es wird überprüft, ob Sie ein Mensch sind.", "de"),
    Sample(
        "cloudflare without script or header",
        bare(
            "Just a moment...",
            "<h1>shop.example</h1><p>Checking if the site connection is secure</p><p>shop.example needs to "
            "review the security of your connection before proceeding.</p>",
        ),
        "challenge",
    ),
    Sample(
        "cloudflare block",
        bare(
            "Attention Required! | Cloudflare",
            '<div id="cf-wrapper"><div id="cf-error-details"><h1>Sorry, you have been blocked</h1><h2>You are unable to access '
            "harbour-lane.example</h2><h2>Why have I been blocked?</h2><p>This website is using a security service to protect "
            "itself from online attacks. The action you just performed triggered the security solution.</p><p>You can email the "
            "site owner. Cloudflare Ray ID: 8c1f</p></div></div>",
        ),
        "access_denied",
        status=403,
    ),
    Sample(
        "akamai denial",
        bare(
            "Access Denied",
            '<h1>Access Denied</h1>You don\'t have permission to access "http://harbour-lane.example/x" on this '
            "server.<p>Reference #18.aa1f1402.17</p><p>https://errors.edgesuite.net/18.aa1f1402.17</p>",
        ),
        "access_denied",
        status=403,
    ),
    Sample(
        "akamai interstitial",
        bare(
            "",
            '<div id="sec-if-cpt-container" class="behavioral-content"></div><script src="/_sec/cp_challenge/v4.js"></script>',
            head='<meta http-equiv="refresh" content="5; URL=\'/x?bm-verify=AAQAA\'">',
        ),
        "challenge",
    ),
    Sample(
        "imperva frame",
        '<html><head><meta name="robots" content="noindex"></head><body><iframe id="main-iframe" src="/_Incapsula_Resource?CWUDNSAI=9'
        '&xinfo=1">Request unsuccessful. Incapsula incident ID: 7770-55</iframe></body></html>',
        "challenge",
    ),
    Sample(
        "imperva empty",
        '<html><head><meta name="robots" content="noindex,nofollow"><script src="/_Incapsula_Resource?SWJIYLWA=50f,719">'
        "</script></head><body></body></html>",
        "challenge",
    ),
    Sample(
        "distil",
        bare(
            "Pardon Our Interruption",
            "<h1>Pardon Our Interruption...</h1><p>As you were browsing something about your browser "
            "made us think you were a bot. There are a few reasons this might happen:</p><ul><li>You've disabled cookies.</li>"
            "<li>You move with super-human speed.</li></ul><p>To regain access, enable cookies and reload.</p>",
        ),
        "access_denied",
    ),
    Sample(
        "datadome",
        '<html><head><title>harbour-lane.example</title></head><body style="margin:0"><p id="cmsg">Please enable JS and disable any ad '
        "blocker</p><script data-cfasync=\"false\">var dd={'rt':'c','cid':'AHr','host':'geo.captcha-delivery.com'}</script>"
        '<script src="https://ct.captcha-delivery.com/c.js"></script></body></html>',
        "captcha",
        status=403,
    ),
    Sample(
        "human",
        bare(
            "Access to this page has been denied.",
            '<div class="px-captcha-container"><h1>Press &amp; Hold to confirm you are a '
            'human (and not a bot).</h1><div id="px-captcha"></div><p>Reference ID 6b1e</p></div>',
        ),
        "captcha",
    ),
    Sample(
        "human, shop's own page",
        bare(
            "Robot or human?",
            "<h1>Robot or human?</h1><p>Activate and hold the button to confirm that you’re human. Thank You!</p>"
            "<script>window._pxAppId='PX1'</script>",
        ),
        "captcha",
    ),
    Sample(
        "kasada",
        '<html><head></head><body><script>window.KPSDK={};KPSDK.now=Date.now</script><script src="/149e/2d2/ips.js?x=1"></script>'
        "</body></html>",
        "challenge",
        status=429,
    ),
    Sample(
        "aws waf",
        bare(
            "",
            '<div id="challenge-container"></div><script>window.gokuProps={"key":"AQID","iv":"CgA"};</script>'
            '<script src="https://a1.token.awswaf.com/a1/challenge.js"></script><noscript><h1>JavaScript is disabled</h1>In order to '
            "continue, we need to verify that you're not a robot.</noscript>",
        ),
        "challenge",
        status=202,
    ),
    Sample(
        "aws waf captcha",
        bare("Human Verification", '<div id="captcha-container"></div><script>AwsWafCaptcha.renderCaptcha()</script>'),
        "captcha",
        headers={"x-amzn-waf-action": "captcha"},
    ),
    Sample(
        "sucuri redirect",
        bare(
            "You are being redirected...",
            "<noscript>Javascript is required. Please enable javascript before you "
            "are allowed to see this page.</noscript><script>var sucuri_cloudproxy_js='',S='cz0i';</script>",
        ),
        "challenge",
    ),
    Sample(
        "sucuri denial",
        bare(
            "Sucuri WebSite Firewall - Access Denied",
            "<h1>Access Denied - Sucuri Website Firewall</h1><p>If you "
            "are the site owner please whitelist your IP.</p><p>Block reason: Bad bot.</p>",
        ),
        "access_denied",
        status=403,
    ),
    Sample(
        "vercel",
        bare(
            "Vercel Security Checkpoint", "<p>We're verifying your browser</p><p>Website owner? Click here to fix</p>"
        ),
        "challenge",
        status=429,
        headers={"x-vercel-mitigated": "challenge"},
    ),
    Sample(
        "anubis",
        bare(
            "Making sure you're not a bot!",
            "<h1>Making sure you're not a bot!</h1><p>Loading...</p><details><p>You are "
            "seeing this because the administrator has set up a proof of work.</p></details>",
            head='<script id="anubis_challenge" type="application/json">{}</script>',
        ),
        "challenge",
    ),
    Sample(
        "ddos guard",
        bare(
            "DDoS-Guard",
            "<h1>Checking your browser before accessing harbour-lane.example</h1><p>This process is "
            'automatic. Please wait a few seconds.</p><script src="/.well-known/ddos-guard/check?context=free"></script>',
        ),
        "challenge",
    ),
    Sample(
        "siteground",
        '<html><head><link rel="icon" href="data:;"><meta http-equiv="refresh" content="0;/.well-known/sgcaptcha/?r=%2F">'
        "</head></html>",
        "challenge",
    ),
    Sample(
        "wordfence",
        bare(
            "Your access to this site has been limited",
            "<h1>Your access to this site has been limited by the site owner"
            "</h1><p>Your access to this service has been limited. (HTTP response code 503)</p><p>Generated by Wordfence</p>",
        ),
        "access_denied",
        status=503,
    ),
    Sample(
        "f5",
        "<html><head><title>Request Rejected</title></head><body>The requested URL was rejected. Please consult with your "
        "administrator.<br><br>Your support ID is: 1234567890</body></html>",
        "access_denied",
    ),
    Sample(
        "cloudfront",
        bare(
            "ERROR: The request could not be satisfied",
            "<h1>403 ERROR</h1><h2>The request could not be satisfied.</h2>"
            "<hr>Request blocked. We can't connect to the server for this app or website at this time.",
        ),
        "access_denied",
        status=403,
    ),
    Sample(
        "search engine",
        bare(
            "https://www.search.example/search?q=x",
            "<p>Our systems have detected unusual traffic from your computer "
            "network. This page checks to see if it's really you sending the requests, and not a robot.</p>"
            '<div id="recaptcha" class="g-recaptcha"></div>',
        ),
        "captcha",
        status=429,
    ),
    Sample(
        "book shop",
        bare(
            "Robot Check",
            "<h4>Enter the characters you see below</h4><p>Sorry, we just need to make sure you're not a "
            'robot.</p><form action="/errors/validateCaptcha"><input type="text" name="c"><button>Continue shopping</button></form>',
        ),
        "captcha",
    ),
    Sample(
        "captcha es",
        bare(
            "Verificación de seguridad",
            "<h1>¿Eres humano?</h1><p>Demuestra que eres humano marcando la casilla: no soy "
            'un robot.</p><div class="h-captcha"></div>',
            lang="es",
        ),
        "captcha",
    ),
    Sample(
        "captcha ru",
        bare(
            "Вы не робот?",
            "<p>Подтвердите, что запросы отправляли вы, а не робот</p><form action=/showcaptcha></form>",
            lang="ru",
        ),
        "captcha",
    ),
    Sample(
        "captcha in the site's furniture",
        site(
            "Are you human? | Harbour Lane",
            "<h1>Are you human?</h1><p>Please verify that you are "
            'human to see this listing.</p><div class="cf-turnstile"></div>',
        ),
        "captcha",
    ),
    Sample(
        "denied fr",
        bare(
            "Accès refusé",
            "<h1>Accès refusé</h1><p>Vous n'avez pas l'autorisation d'accéder à cette page. Votre adresse "
            "IP a été bloquée.</p>",
            lang="fr",
        ),
        "access_denied",
        status=403,
    ),
    Sample(
        "denied de",
        bare(
            "Zugriff verweigert",
            "<h1>Zugriff verweigert</h1><p>Ihre IP-Adresse wurde wegen ungewöhnlicher Aktivität gesperrt.</p>",
            lang="de",
        ),
        "access_denied",
    ),
    Sample(
        "forum block",
        bare(
            "Blocked",
            "<p>You've been blocked by network security.</p><p>To continue, log in to your account or use "
            "your developer token</p>",
        ),
        "access_denied",
        status=403,
    ),
    Sample(
        "rate limit",
        bare(
            "Too Many Requests",
            "<h1>Too many requests</h1><p>You have sent too many requests in a given amount of time. "
            "Please try again in a few minutes.</p>",
        ),
        "rate_limited",
        status=429,
    ),
    Sample(
        "region en",
        bare(
            "451: Unavailable due to legal reasons",
            "<h1>451: Unavailable due to legal reasons</h1><p>We recognize you are "
            "attempting to access this website from a country belonging to the European Economic Area (EEA) including the EU which enforces "
            "the General Data Protection Regulation and therefore access cannot be granted at this time.</p>",
        ),
        "region_blocked",
    ),
    Sample(
        "region in the furniture",
        site("Harbour Lane", "<h1>Sorry!</h1><p>This content is not available in your region.</p>"),
        "region_blocked",
    ),
)

_LOGIN_FORM = (
    '<form method="post" action="/session"><label>Email</label><input type="email" name="u"><label>Password</label>'
    '<input type="password" name="p"><label><input type="checkbox"> {remember}</label><button>{button}</button></form>'
    '<p><a href="/reset">{forgot}</a></p>'
)


def _form(button: str, remember: str, forgot: str) -> str:
    return _LOGIN_FORM.format(button=button, remember=remember, forgot=forgot)


_EN = _form("Log in", "Remember me", "Forgot your password?")

WALLS = (
    Sample(
        "login en",
        site("Log in | Harbour Lane", f"<h1>Log in</h1>{_EN}"),
        "login_wall",
        url=f"{SITE}/login?next=%2Forders",
    ),
    Sample("login bare", bare("Sign in to Harbour", f"<h1>Sign in</h1>{_EN}"), "login_wall"),
    Sample(
        "login es",
        site(
            "Iniciar sesión - Puerto",
            f"<h1>Iniciar sesión</h1>{_form('Entrar', 'Recuérdame', '¿Has olvidado tu contraseña?')}",
            lang="es",
        ),
        "login_wall",
    ),
    Sample(
        "login de",
        site(
            "Anmelden – Hafen",
            f"<h1>Anmelden</h1>{_form('Anmelden', 'Angemeldet bleiben', 'Passwort vergessen?')}",
            lang="de",
        ),
        "login_wall",
    ),
    Sample(
        "login fr",
        site(
            "Connexion",
            f"<h2>Connexion</h2>{_form('Se connecter', 'Rester connecté', 'Mot de passe oublié ?')}",
            lang="fr",
        ),
        "login_wall",
    ),
    Sample(
        "login ru",
        site("Вход", f"<h1>Вход</h1>{_form('Войти', 'Запомнить', 'Забыли пароль?')}", lang="ru"),
        "login_wall",
    ),
    Sample(
        "board for members",
        site("Harbour Forum - Message", f"<h1>Information</h1><p>You must be logged in to view this forum.</p>{_EN}"),
        "login_wall",
        url=f"{SITE}/forum/viewtopic.php?t=99",
    ),
    Sample(
        "members only, no form",
        site("Members only | Club", "<h1>Members only</h1><p>Please log in to continue.</p>"),
        "login_wall",
    ),
    Sample(
        "authwall",
        bare("Sign Up | Network", "<h1>Join Network</h1><p>Already have an account? Sign in</p>" + _EN),
        "login_wall",
        url=f"{SITE}/authwall?trk=x",
    ),
    Sample(
        "consent of a search engine",
        bare(
            "Before you continue to Finder",
            "<h1>Before you continue to Finder</h1><p>We use cookies and data to deliver and maintain our "
            "services, track outages and protect against spam. If you choose to accept all, we will also use cookies and data to deliver "
            "personalised content and advertising.</p><form><button>Reject all</button><button>Accept all</button></form>"
            "<a href='#'>More options</a>",
        ),
        "consent_wall",
        url="https://consent.finder.example/m?continue=https://finder.example/",
    ),
    Sample(
        "consent of a portal",
        bare(
            "Portal is part of the Portal family of brands",
            "<h1>Portal is part of the Portal family of brands</h1><p>If you click "
            "'Accept all', we and our partners, including 237 who are part of the IAB TCF, will store and access information on a device "
            "(use cookies) and use precise location data for analytics, personalised advertising and audience research. If you do not want "
            "us and our partners to use cookies for these purposes, click 'Reject all'. You can withdraw your consent at any time through "
            "the privacy settings and the privacy dashboard links. See our privacy policy and our cookie policy.</p>"
            '<form class="consent-form"><button>Accept all</button><button>Reject all</button></form>',
        ),
        "consent_wall",
        url="https://consent.portal.example/v2/collectConsent?sessionId=3_cc",
    ),
    Sample(
        "consent de",
        bare(
            "Zustimmung erforderlich - Tagblatt",
            "<h1>Willkommen bei Tagblatt</h1><p>Besuchen Sie uns mit Werbung und Tracking. Wir und "
            "unsere 180 Partner verwenden Cookies für personalisierte Werbung. Details in der Datenschutzerklärung; Ihre Einwilligung "
            "können Sie widerrufen.</p><button>Akzeptieren und weiter</button><a href='/pur'>Ohne Werbung lesen</a>",
            lang="de",
        ),
        "consent_wall",
        url="https://www.tagblatt.example/zustimmung?url=%2Fwissen",
    ),
    Sample(
        "consent nl",
        bare(
            "Krant Privacy Gate",
            "<h1>Privacy-instellingen</h1><p>Wij en onze partners plaatsen cookies om advertenties te tonen. Geef "
            "toestemming voor cookies en tracking.</p><button>Akkoord</button><button>Instellen</button>",
            lang="nl",
        ),
        "consent_wall",
        url="https://myprivacy.krant.example/consent?siteKey=1",
    ),
    Sample(
        "consent fr",
        bare(
            "Le respect de votre vie privée est notre priorité",
            "<h1>Votre vie privée</h1><p>Avec votre consentement, nous et nos "
            "partenaires utilisons des cookies et traceurs pour la publicité.</p><button>Tout accepter</button><button>Refuser</button>",
            lang="fr",
        ),
        "consent_wall",
    ),
    Sample(
        "paywall en",
        site(
            "Port strike enters second week | Courier",
            "<h1>Port strike enters second week</h1><p>Cranes stood still for an eighth day on "
            "Monday as talks between the union and the port authority broke up without result.</p><div class='paywall'><h2>Subscribe to "
            "continue reading</h2><p>Already a subscriber? Log in</p></div>",
            head='<script type="application/ld+json">{"@type":"NewsArticle","isAccessibleForFree":"False"}</script>',
        ),
        "paywall",
    ),
    Sample(
        "paywall de",
        site(
            "Streik im Hafen | Kurier",
            "<h1>Streik im Hafen</h1><p>Am Montag standen die Kräne den achten Tag still.</p><div><h2>"
            "Weiterlesen mit Kurier Plus</h2><p>Bereits Abonnent? Anmelden</p></div>",
            lang="de",
            head='<script type="application/ld+json">{"isAccessibleForFree": false}</script>',
        ),
        "paywall",
    ),
    Sample(
        "paywall fr",
        site(
            "Grève au port | Courrier",
            "<h1>Grève au port</h1><p>Les grues étaient à l'arrêt lundi pour le huitième jour.</p><p>Cet article "
            "est réservé aux abonnés. Il vous reste 85 % de cet article à lire. Déjà abonné ?</p>",
            lang="fr",
            head='<script type="application/ld+json">{"isAccessibleForFree":"false"}</script>',
        ),
        "paywall",
    ),
    Sample(
        "maintenance",
        bare(
            "Site under maintenance",
            "<h1>We'll be back soon!</h1><p>We're performing some maintenance at the moment.</p>",
        ),
        "maintenance",
    ),
    Sample(
        "maintenance es",
        bare(
            "En mantenimiento",
            "<h1>En mantenimiento</h1><p>Estamos realizando labores de mantenimiento.</p>",
            lang="es",
        ),
        "maintenance",
    ),
)


def _missing(name: str, title: str, heading: str, said: str, lang: str = "en", more: str = "") -> Sample:
    html = site(f"{title} | Harbour Lane", f"<h1>{heading}</h1><p>{said}</p>{more}", lang=lang)
    return Sample(name, html, "soft_404", url=f"{SITE}/{lang}/old-page")


GONE = (
    _missing(
        "missing en", "Page not found", "Page not found", "The page you are looking for may have been moved or deleted."
    ),
    _missing("missing with teasers", "404", "Oops!", "We can't find the page you're looking for.", more=teasers(12)),
    _missing(
        "missing es",
        "Página no encontrada",
        "Error 404",
        "La página que buscas no existe o ha cambiado de dirección.",
        "es",
    ),
    _missing(
        "missing de",
        "Seite nicht gefunden",
        "Hoppla!",
        "Die gewünschte Seite konnte leider nicht gefunden werden.",
        "de",
    ),
    _missing("missing fr", "Page introuvable", "Oups", "La page que vous recherchez n'existe plus.", "fr"),
    _missing("missing pt", "Página não encontrada", "Ops!", "A página que você procura não foi encontrada.", "pt"),
    _missing("missing it", "Pagina non trovata", "Errore 404", "La pagina richiesta non è stata trovata.", "it"),
    _missing("missing nl", "Pagina niet gevonden", "Helaas", "De pagina die u zoekt bestaat niet meer.", "nl"),
    _missing("missing pl", "Nie znaleziono strony", "404", "Strona, której szukasz, nie istnieje.", "pl"),
    _missing("missing ru", "Страница не найдена", "Ошибка 404", "Запрашиваемая страница не существует.", "ru"),
    _missing("missing sv", "Sidan hittades inte", "Hoppsan", "Sidan du letar efter finns inte längre.", "sv"),
    _missing("missing ja", "ページが見つかりません", "404", "お探しのページは見つかりませんでした。", "ja"),
    _missing("missing zh", "页面不存在", "404", "您访问的页面不存在", "zh"),
    Sample("missing, title only", bare("Not Found", '<div id="app"></div><script src="/app.js"></script>'), "soft_404"),
    Sample(
        "missing, heading of a blog",
        site(
            "Harbour Blog",
            "<h1>Oops! That page can’t be found.</h1><p>It looks like nothing was found "
            "at this location. Maybe try a search?</p>",
            body_class="error404 wp-theme",
        ),
        "soft_404",
    ),
    Sample(
        "missing product",
        site(
            "Harbour Lane",
            "<h1>Sorry, this product is no longer available</h1><p>Have a look at these instead.</p>" + teasers(6),
        ),
        "soft_404",
        url=f"{SITE}/p/8841",
    ),
    Sample(
        "missing without title",
        "<html><body><h1>Not Found</h1><p>The requested URL /x was not found on this server.</p></body></html>",
        "soft_404",
    ),
    Sample(
        "no results en",
        site(
            "Search results for: blue lamp | Harbour Lane",
            "<h1>Search results for “blue lamp”</h1><p>Sorry, no results were found. Try other keywords.</p>",
        ),
        "empty_results",
        url=f"{SITE}/search?q=blue+lamp",
    ),
    Sample(
        "no results of a blog",
        site(
            "You searched for lamp - Harbour Blog",
            "<h1>Nothing Found</h1><p>Sorry, but nothing matched your search terms. Please try again.</p>",
            body_class="search search-no-results",
        ),
        "empty_results",
        url=f"{SITE}/?s=lamp",
    ),
    Sample(
        "no results es",
        site(
            "Resultados de búsqueda: lámpara",
            "<h1>Resultados de búsqueda</h1><p>No se han encontrado resultados para “lámpara”.</p>",
            lang="es",
        ),
        "empty_results",
        url=f"{SITE}/buscar?q=l%C3%A1mpara",
    ),
    Sample(
        "no results de",
        site(
            "Suche nach Lampe", "<h1>Suchergebnisse</h1><p>Zu Ihrer Suche wurden keine Treffer gefunden.</p>", lang="de"
        ),
        "empty_results",
        url=f"{SITE}/suche?suchbegriff=lampe",
    ),
    Sample(
        "no results fr",
        site(
            "Recherche : lampe",
            "<h1>Résultats de recherche</h1><p>Aucun résultat ne correspond à votre recherche.</p>",
            lang="fr",
        ),
        "empty_results",
        url=f"{SITE}/recherche?q=lampe",
    ),
    Sample(
        "empty shelf",
        site(
            "Garden lamps | Harbour Lane", "<h1>Garden lamps</h1><p>No products were found matching your selection.</p>"
        ),
        "empty_results",
        url=f"{SITE}/shop/garden-lamps?min_price=900&s=led",
    ),
)

SHELLS = (
    '<!doctype html><html><head><title>Harbour</title><script type="module" src="/assets/index-1.js"></script></head><body><div id="root">'
    "</div></body></html>",
    "<!doctype html><html><head><title>Harbour</title></head><body><noscript>You need to enable JavaScript to run this app.</noscript>"
    '<div id="root"></div><script src="/static/js/main.js"></script></body></html>',
    "<html><head><title>Lager</title></head><body><app-root></app-root><noscript>Bitte aktivieren Sie JavaScript.</noscript>"
    '<script src="runtime.js"></script><script src="main.js"></script></body></html>',
    site(
        "Lamps",
        '<div id="app"><div class="spinner">Loading…</div></div><noscript>This site requires JavaScript.</noscript>',
    ),
    '<html><head><title>x</title></head><body><script>window.location.replace("/home?js=1")</script></body></html>',
)
"""Pages that are empty until JavaScript has run."""

ALL = (*PROTECTION, *WALLS, *GONE)
