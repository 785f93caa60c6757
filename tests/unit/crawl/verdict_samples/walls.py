"""Logins, questions for consent, paywalls, closed shops: our own text, in the manner of the real ones."""

from __future__ import annotations

from tests.unit.crawl.verdict_samples.pages import SITE, Sample, bare, site

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
            "services, track outages and protect against spam. If you choose to accept all, we will also use cookies "
            "and data to deliver "
            "personalised content and advertising.</p><form><button>Reject all</button><button>Accept "
            "all</button></form>"
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
            "'Accept all', we and our partners, including 237 who are part of the IAB TCF, will store and access "
            "information on a device "
            "(use cookies) and use precise location data for analytics, personalised advertising and audience "
            "research. If you do not want "
            "us and our partners to use cookies for these purposes, click 'Reject all'. You can withdraw your "
            "consent at any time through "
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
            "unsere 180 Partner verwenden Cookies für personalisierte Werbung. Details in der Datenschutzerklärung; "
            "Ihre Einwilligung "
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
            "partenaires utilisons des cookies et traceurs pour la publicité.</p><button>Tout "
            "accepter</button><button>Refuser</button>",
            lang="fr",
        ),
        "consent_wall",
    ),
    Sample(
        "paywall en",
        site(
            "Port strike enters second week | Courier",
            "<h1>Port strike enters second week</h1><p>Cranes stood still for an eighth day on "
            "Monday as talks between the union and the port authority broke up without result.</p><div "
            "class='paywall'><h2>Subscribe to "
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
