"""How login, consent and pay walls and closed shops speak, in a dozen languages: patterns over folded text.

What ends in `_PART` is matched against a whole part of a title or a whole heading; the rest is searched for in text or
buttons. Used by `walls`.
"""

from __future__ import annotations

from tidemill.crawl.verdicts.text import Words

LOGIN_PART = Words(
    r"(?:please |member |user |account |client |customer )?(?:log|sign)[ -]?in(?: (?:to|with|or|required)\b.{0,40})?",
    r"login(?: page| required)?|authentication(?: required)?|sign ?up|register|registration|"
    r"create (?:an |your |a new )?account|authorization required|log ?in / (?:register|sign up)|members only",
    r"inici(?:ar|a|e) (?:de )?sesión|inicio de sesión|acceso(?: de)? (?:usuarios|socios|clientes)|identifícate|"
    r"registrarse|regístrate|crear (?:una )?cuenta|acceder",
    r"anmelden|anmeldung|einloggen|registrieren|registrierung|konto erstellen|kunden-?login|mitglieder-?login",
    r"connexion|se connecter|connectez-vous|identification|s'identifier|inscription|créer un compte|espace (?:client|"
    r"membre)",
    r"accedi|accesso (?:utenti|clienti)|registrati|area riservata|entrar|(?:iniciar|início de) sessão|fazer login|"
    r"acessar(?: sua conta)?|cadastre-se",
    r"inloggen|aanmelden|zaloguj się|logowanie|rejestracja|вход|авторизация|войти|регистрация",
    r"logga in|log ind|logg inn|kirjaudu(?: sisään)?|přihlášení|přihlásit se|giriş yap|"
    r"ログイン|サインイン|登录|登入|请登录|로그인",
    stems="acceder|accedi|acceso|accesso|account|acessar|anmelden|anmeldung|area riservata|authentication|"
    "authorization|cadastre-se|connectez-vous|connexion|crear|créer un compte|entrar|espace|giriş yap|"
    "identification|identifícate|inici|inscription|kirjaudu|konto erstellen|log|members only|přihlásit se|"
    "přihlášení|register|registrarse|registrati|registrieren|registrierung|regístrate|rejestracja|s'identifier|"
    "se connecter|sessão|sign|авторизация|войти|вход|регистрация|サインイン|ログイン|登入|登录|로그인",
)

LOGIN_SAID = Words(
    r"you (?:must|need to|have to)(?: first)? (?:be )?(?:log(?:ged)?|sign(?:ed)?)[ -]?in\b(?! to (?:reply|comment|"
    r"post|rate|vote|leave))|you are not (?:logged|signed) in",
    r"please (?:log|sign)[ -]?in (?:to|or|first|with|below)|(?:log|sign) in to (?:continue|view|access|read)",
    r"login (?:is )?required|only (?:available )?(?:to|for) (?:registered|logged[ -]in) (?:members|users)|"
    r"members[ -]only "
    r"(?:area|content|page)",
    r"deb(?:es|e) (?:iniciar sesión|registrar|identificar|estar registrado)|inici(?:a|e) sesión para",
    r"(?:sie müssen|du musst) .{0,40}(?:anmelden|einloggen|angemeldet|eingeloggt)|(?:bitte )?(?:melden sie sich|"
    r"loggen sie "
    r"sich|melde dich|logge dich) .{0,30}(?:an|ein)\b|nur für (?:angemeldete|registrierte)",
    r"(?:vous devez|veuillez) .{0,25}(?:connect|identifi)|connectez-vous pour",
    r"devi (?:effettuare|eseguire) (?:il login|l'accesso)|devi accedere|accedi per|é necessário .{0,20}(?:login|"
    r"sessão)|"
    r"faça (?:o )?login para",
    r"(?:je moet|u moet) .{0,20}ingelogd|musisz (?:być zalogowany|się zalogować)|(?:необходимо|нужно) (?:войти|"
    r"авториз)|"
    r"войдите,? чтобы|du måste (?:vara inloggad|logga in)|ログインしてください|请先登录|請先登入|로그인이 필요",
    stems="accedi per|connectez-vous|debe|devi accedere|devi e|du musst|du måste|ingelogd|log in to|logge dich|logged|"
    "loggen sie sich|login|melde dich|melden sie sich|members|musisz|nur für|please log|please sign|registered|"
    "sesión para|sie müssen|sign in to|veuillez|vous devez|you are not|you have to|you must|you need to|"
    "é necessário|войдите|необходимо|нужно|ログインしてください|請先登入|请先登录|로그인이 필요",
)

LOGIN_FORM = Words(
    r"forgot(?:ten)?(?: your)? (?:password|username)|remember me|keep me (?:signed|logged) in|reset (?:your )?password|"
    r"(?:need|don't have|no|new) (?:an )?account\b|not a member\b|already have an account",
    r"olvid(?:ado|aste|ó) (?:tu|su|la) contraseña|recu[eé]rda?me|¿no tienes (?:una )?cuenta",
    r"(?:passwort|kennwort) vergessen|angemeldet bleiben|noch kein(?: kunden)?konto",
    r"mot de passe oublié|(?:rester|restez) connecté|se souvenir de moi|pas encore (?:de compte|inscrit)",
    r"password dimenticata|ricordami|esquec(?:eu|i).{0,20} senha|lembrar(?:-me)?|wachtwoord vergeten|(?:nie pamięta\w+|"
    r"zapomnia\w+) hasła|забыли пароль|glömt (?:ditt )?lösenord|glemt (?:adgangskode|passord)|"
    r"パスワードを(?:お)?忘れ|忘记密码",
    stems="account|angemeldet|connecté|de passe oublié|dimenticata|esquec|forgot|glemt|glömt|hasła|keep me|lembrar|"
    "noch kein|not a member|olvid|pas encore|recu|remember me|reset|ricordami|souvenir de moi|vergessen|"
    "wachtwoord|¿no tienes|забыли пароль|パスワードを|忘记密码",
)

CONSENT_PART = Words(
    r"before you continue(?: to .*)?|(?:your |our )?(?:privacy|cookies?|consent|data)(?: and cookies?|"
    r" & cookies?)? (?:choices|"
    r"settings|preferences|consent|gate|wall|matters)|(?:cookie ?)?consent|we (?:value|care about|"
    r"respect) your (?:privacy|data)",
    r"(?:you're in control|your data,? your choice|continue with (?:cookies|ads)|accept cookies)(?: .*)?",
    r"antes de (?:continuar|ir a)\b.*|(?:valoramos|nos importa|respetamos) (?:tu|su) privacidad|"
    r".* valora tu privacidad",
    r"bevor (?:sie|du) .{0,40}(?:fortf\w+|weitergeh\w+|weiterlies\w+)|zustimmung(?: erforderlich)?|einwilligung|"
    r"datenschutz-?einstellungen|privatsphäre-einstellungen|(?:mit|jetzt) werbung weiterlesen|wir (?:schätzen|"
    r"respektieren) "
    r"ihre privatsphäre|willkommen bei .{1,30}",
    r"avant d(?:e |')(?:continuer|accéder)\b.*|(?:nous respectons )?votre vie privée|consentement|"
    r"le respect de .{1,30} vie privée.*",
    r"prima di continuare(?: .*)?|(?:la tua|rispettiamo la tua) privacy|antes de continuar.*|privacy ?gate|"
    r"privacy-instellingen|"
    r"(?:wij|we) (?:respecteren|waarderen) je privacy|voordat je verdergaat.*|zanim przejdziesz.*|"
    r"перед тем как продолжить.*",
    r".{1,30} (?:is part of the|fait partie de la|forma parte de la|ist teil der|fa parte della) .{1,30}",
    stems="accept cookies|antes de|avant d|bevor|choices|consent|continue with|datenschutz|di continuare|einwilligung|"
    "fa parte della|fait partie de|forma parte de|gate|in control|is part of the|ist teil der|je verdergaat|"
    "matters|preferences|privacidad|privacy|privatsphäre|przejdziesz|respect|settings|votre vie privée|wall|"
    "weiterlesen|willkommen bei|you continue|your data|zustimmung|как продолжить",
)

CONSENT_WORD = Words(
    r"cookies?\b|consent|priva[ct]|\bpartners?\b|vendors?\b|personali[sz]ed|tracking|gdpr|tcf\b|advertis|third part",
    r"einwillig|zustimm|datenschutz|werbung|anbieter|consentement|traceurs|partenaires|publicit|consentimiento|socios",
    r"toestemming|advertenties|consenso|pubblicità|zgod|reklam|согласи|файлы",
    stems="advertenties|advertis|anbieter|consenso|consent|cookie|datenschutz|einwillig|gdpr|partenaires|partner|"
    "personali|priva|pubblicità|publicit|reklam|socios|tcf|third part|toestemming|traceurs|tracking|vendor|"
    "werbung|zgod|zustimm|согласи|файлы",
)

CONSENT_BUTTON = Words(
    r"\b(?:accept|agree|allow|reject|decline|deny)\b|manage (?:options|settings|choices|preferences)",
    r"akzeptieren|zustimmen|ablehnen|einverstanden|accepter|refuser|aceptar|rechazar|acett|accett|rifiuta|akkoord|"
    r"accepteren",
    r"weigeren|aceitar|rejeitar|recusar|zgadzam|akceptuj|odrzuć|принять|согласен|godkänn|acceptér|godta|hyväksy|同意",
    stems="ablehnen|accept|accett|aceitar|aceptar|acett|agree|akceptuj|akkoord|akzeptieren|allow|decline|deny|"
    "einverstanden|godkänn|godta|hyväksy|manage|odrzuć|rechazar|recusar|refuser|reject|rejeitar|rifiuta|weigeren|"
    "zgadzam|zustimmen|принять|согласен|同意",
)

PAYWALL_SAID = Words(
    r"(?:subscribe|register|sign up|log in|sign in|become a (?:member|subscriber))(?: now| today)? to (?:continue|"
    r"keep) reading",
    r"(?:article|story|content|post) is (?:only |exclusively )?(?:available |reserved )?(?:for|to|"
    r"exclusive to) (?:our |paid |"
    r"premium |paying )*(?:subscribers|members)|subscribers? only|unlock this (?:article|story)|already a subscriber\b",
    r"you(?:'ve| have) (?:reached|read|used) .{0,40}(?:free )?(?:article|limit|stor)|to read the (?:full|rest of)",
    r"suscrí?b[eí]\w* para (?:seguir|continuar) leyendo|(?:exclusivo|solo) para suscriptores|ya eres suscriptor",
    r"nur für abonnent|bereits abonnent|(?:weiterlesen|weiterzulesen) mit\b|um (?:weiterzulesen|den ganzen artikel)|"
    r"jetzt "
    r"abonnieren und weiterlesen",
    r"réservé (?:à nos|aux) abonnés|il vous reste .{0,20}% de|déjà abonné|abonnez-vous pour (?:lire|continuer|"
    r"poursuivre)",
    r"riservato agli abbonati|abbonati per (?:continuare|leggere)|sei già abbonato|exclusiv[ao] para assinantes|"
    r"assine para "
    r"continuar|já é assinante|alleen voor abonnees|al abonnee|dostępn\w+ (?:tylko )?dla prenumeratorów|"
    r"только для подписчиков",
    stems="abbonati per|abonnez-vous|al abonnee|bereits abonnent|continue reading|dostępn|déjà abonné|ganzen artikel|"
    "il vous reste|já é assinante|keep reading|members|nur für abonnent|para assinantes|para continuar|"
    "riservato agli|réservé|sei già abbonato|subscriber|suscr|to read the full|to read the rest|unlock this|"
    "voor abonnees|weiter|you have re|you have used|you've re|you've used|для подписчиков",
)

MAINTENANCE_PART = Words(
    r"(?:(?:site|website|we are|we're|currently|temporarily|this site is) )*(?:down for|under|"
    r"in) (?:scheduled )?maintenance",
    r"(?:site |scheduled )?maintenance (?:mode|break|page)|(?:site|website|scheduled) maintenance|(?:we'll |"
    r"we will )?be (?:right )?"
    r"back(?: soon| shortly)?|(?:site |service )?temporarily unavailable|service unavailable",
    r"(?:sitio )?en mantenimiento|wartung(?:sarbeiten|smodus)|(?:site )?en maintenance|(?:sito )?in manutenzione|"
    r"em manutenção",
    r"(?:site )?in onderhoud|przerwa techniczna|технические работы|メンテナンス中|系统维护",
    stems="back|em manutenção|en mantenimiento|in manutenzione|in onderhoud|maintenance|techniczna|unavailable|"
    "wartungs|технические|メンテナンス中|系统维护",
)

MAINTENANCE_SAID = Words(
    r"(?:under|undergoing|performing|down for|doing) (?:some )?(?:scheduled |planned |routine |quick )?maintenance|"
    r"be back "
    r"(?:online |up )?(?:soon|shortly|in a)|temporarily (?:unavailable|offline|down)",
    r"(?:labores|tareas|trabajos) de mantenimiento|wartungsarbeiten|(?:opération|travaux) de maintenance|"
    r"manutenzione|manutenção",
    r"werken? aan (?:de|onze) (?:site|website)|prace (?:techniczne|konserwacyjne)|технически[ех] работ|"
    r"メンテナンス|维护",
    stems="be back|de mantenimiento|maintenance|manutenzione|manutenção|prace|temporarily|wartungsarbeiten|werk|"
    "технически|メンテナンス|维护",
)
