"""Bot protection and refusals: our own text, in the manner of the real ones."""

from __future__ import annotations

from tests.unit.crawl.verdict_samples.pages import Sample, bare, site

_CF = (
    '<script>(function(){window._cf_chl_opt={cvId:"3",cType:"managed",cRay:"8c1f"};'
    'var a=document.createElement("script");'
    'a.src="/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1?ray=8c1f";})();</script>'
)


def _cloudflare(name: str, title: str, said: str, lang: str) -> Sample:
    body = (
        f'<div class="main-wrapper"><h1>www.harbour-lane.example</h1><p>{said}</p><noscript>Enable JavaScript and '
        f"cookies to "
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
            '<div id="cf-wrapper"><div id="cf-error-details"><h1>Sorry, you have been blocked</h1><h2>You are unable '
            "to access "
            "harbour-lane.example</h2><h2>Why have I been blocked?</h2><p>This website is using a security service "
            "to protect "
            "itself from online attacks. The action you just performed triggered the security solution.</p><p>You "
            "can email the "
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
            '<div id="sec-if-cpt-container" class="behavioral-content"></div><script '
            'src="/_sec/cp_challenge/v4.js"></script>',
            head='<meta http-equiv="refresh" content="5; URL=\'/x?bm-verify=AAQAA\'">',
        ),
        "challenge",
    ),
    Sample(
        "imperva frame",
        '<html><head><meta name="robots" content="noindex"></head><body><iframe id="main-iframe" '
        'src="/_Incapsula_Resource?CWUDNSAI=9'
        '&xinfo=1">Request unsuccessful. Incapsula incident ID: 7770-55</iframe></body></html>',
        "access_denied",
    ),
    Sample(
        "imperva empty",
        '<html><head><meta name="robots" content="noindex,nofollow"><script '
        'src="/_Incapsula_Resource?SWJIYLWA=50f,719">'
        "</script></head><body></body></html>",
        "challenge",
    ),
    Sample(
        "distil",
        bare(
            "Pardon Our Interruption",
            "<h1>Pardon Our Interruption...</h1><p>As you were browsing something about your browser "
            "made us think you were a bot. There are a few reasons this might happen:</p><ul><li>You've disabled "
            "cookies.</li>"
            "<li>You move with super-human speed.</li></ul><p>To regain access, enable cookies and reload.</p>",
        ),
        "access_denied",
    ),
    Sample(
        "datadome",
        '<html><head><title>harbour-lane.example</title></head><body style="margin:0"><p id="cmsg">Please enable JS '
        "and disable any ad "
        'blocker</p><script data-cfasync="false">var '
        "dd={'rt':'c','cid':'AHr','host':'geo.captcha-delivery.com'}</script>"
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
        "<html><head></head><body><script>window.KPSDK={};KPSDK.now=Date.now</script><script "
        'src="/149e/2d2/ips.js?x=1"></script>'
        "</body></html>",
        "challenge",
        status=429,
    ),
    Sample(
        "aws waf",
        bare(
            "",
            '<div id="challenge-container"></div><script>window.gokuProps={"key":"AQID","iv":"CgA"};</script>'
            '<script src="https://a1.token.awswaf.com/a1/challenge.js"></script><noscript><h1>JavaScript is '
            "disabled</h1>In order to "
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
            "automatic. Please wait a few seconds.</p><script "
            'src="/.well-known/ddos-guard/check?context=free"></script>',
        ),
        "challenge",
    ),
    Sample(
        "siteground",
        '<html><head><link rel="icon" href="data:;"><meta http-equiv="refresh" '
        'content="0;/.well-known/sgcaptcha/?r=%2F">'
        "</head></html>",
        "challenge",
    ),
    Sample(
        "wordfence",
        bare(
            "Your access to this site has been limited",
            "<h1>Your access to this site has been limited by the site owner"
            "</h1><p>Your access to this service has been limited. (HTTP response code 503)</p><p>Generated by "
            "Wordfence</p>",
        ),
        "access_denied",
        status=503,
    ),
    Sample(
        "f5",
        "<html><head><title>Request Rejected</title></head><body>The requested URL was rejected. Please consult with "
        "your "
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
            'robot.</p><form action="/errors/validateCaptcha"><input type="text" name="c"><button>Continue '
            "shopping</button></form>",
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
            "attempting to access this website from a country belonging to the European Economic Area (EEA) "
            "including the EU which enforces "
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
