"""How bot protection speaks: patterns over folded text, in the languages in which the vendors answer.

`PARTS` are matched against a whole part of a title or a whole heading; what ends in `_SAID` is searched for in the
text. Used by `protection`.
"""

from __future__ import annotations

from tidemill.crawl.verdicts.text import Words

_CHALLENGE_PART = Words(
    r"just a moment|one moment,? please(?: .*)?|please wait(?: .*)?|un momento(?:,? por favor)?|"
    r"(?:nur )?einen moment(?:,? bitte)?|"
    r"un instant(?:,? s'il vous plaît)?|(?:só )?um momento(?:,? por favor)?|een moment(?: geduld)?|"
    r"bir dakika(?: lütfen)?|"
    r"один момент|подождите|chwileczkę|请稍候|請稍候|しばらくお待ちください|잠시만 기다리(?:십시오|세요)",
    r"checking your browser(?: .*)?|(?:vercel )?security check(?:point)?|client challenge|robot challenge screen|"
    r"making sure you're not a bot|ddos-guard|verifying your (?:browser|connection|session)|"
    r"performing security verification|"
    r"bot verification|browser check|javascript (?:is )?required|you are being redirected|challenge validation",
    stems="being redirected|bir dakika|browser check|challenge screen|checking your|chwileczkę|client challenge|"
    "ddos-guard|een moment|einen moment|just a moment|one moment|please wait|required|security check|um momento|"
    "un instant|un momento|validation|verification|verifying your|you're not a bot|один момент|подождите|"
    "しばらくお待ちください|請稍候|请稍候|잠시만 기다리",
)
_CAPTCHA_PART = Words(
    r"(?:re|h)?captcha(?: (?:verification|challenge|required|check))?|robot check|robot or human|prove your humanity|"
    r"are you (?:a )?(?:robot|human)|"
    r"are you not a robot|human verification|verify (?:that )?you(?:'re| are) (?:a )?human|security (?:check|"
    r"verification)(?: .*)?|"
    r"(?:i'm |i am )?not a robot|please verify(?: .{0,40})?|unusual (?:traffic|activity)(?: .*)?|before we continue",
    r"verificación(?: de seguridad| humana)|¿?eres (?:un )?(?:humano|robot)|sicherheits(?:überprüfung|prüfung|"
    r"abfrage)|bist du ein "
    r"mensch|sind sie ein (?:mensch|roboter)|vérification(?: de sécurité| humaine)?|êtes-vous (?:un )?(?:humain|robot)",
    r"verifica di sicurezza|sei (?:un )?(?:umano|robot)|verificação(?: de segurança| humana)?|вы не робот|я не робот|"
    r"проверка безопасности|人机验证|安全验证|安全驗證|ロボットではありません|보안 (?:확인|인증)",
    stems="are you|captcha|di sicurezza|du ein mensch|eres|not a robot|robot check|robot or human|security|sei|"
    "sicherheits|sind sie ein|unusual|verificación|verification|verificação|verify|vérification|we continue|"
    "your humanity|êtes-vous|безопасности|вы не робот|я не робот|ロボットではありません|人机验证|安全驗證|"
    "安全验证|보안",
)
_DENIED_PART = Words(
    r"(?:40[13][\W_]+)?(?:error[\W_]+)?(?:access (?:to this page |to this site |to this website )?(?:has been |is |"
    r"was )?(?:denied|blocked|"
    r"restricted|forbidden)|forbidden|unauthori[sz]ed|request (?:rejected|blocked|denied|unsuccessful)|"
    r"blocked)(?: 40[13])?",
    r"40[13]|attention required|pardon our interruption|(?:sorry, )?you have been blocked|(?:you're|"
    r"you are) (?:blocked|not "
    r"authorized)(?: .{0,40})?|you've been blocked(?: .{0,40})?|sorry, you have been blocked|"
    r"your access (?:to this site )?has been "
    r"(?:limited|blocked)(?: .*)?|why have i been blocked|(?:the )?request could not be satisfied|site access denied",
    r"acceso (?:denegado|prohibido|restringido)|zugriff (?:verweigert|verboten|gesperrt)|accès (?:refusé|interdit|"
    r"bloqué)|"
    r"accesso (?:negato|vietato)|acesso (?:negado|bloqueado)|toegang geweigerd|odmowa dostępu|brak dostępu|"
    r"доступ (?:запрещ[её]н|"
    r"ограничен)|åtkomst nekad|adgang nægtet|ingen tilgang|pääsy estetty|přístup odepřen|erişim engellendi|"
    r"アクセスが拒否されました|访问被拒绝|拒绝访问|存取被拒|접근 거부",
    stems="401|403|acceso|accesso|accès|acesso|adgang nægtet|blocked|brak dostępu|denied|engellendi|forbidden|"
    "geweigerd|ingen tilgang|not authorized|odmowa dostępu|our interruption|pääsy estetty|přístup odepřen|"
    "request|required|restricted|unauthori|your access|zugriff|åtkomst nekad|доступ|アクセスが拒否されました|"
    "存取被拒|拒绝访问|访问被拒绝|접근 거부",
)
_RATE_PART = Words(
    r"(?:429[\W_]+)?too many requests(?: 429)?|429|(?:you are being |you have been )?rate[ -]limited|"
    r"rate limit exceeded|slow down|"
    r"demasiadas (?:solicitudes|peticiones)|zu viele anfragen|trop de requêtes|troppe richieste|muitas solicitações|"
    r"слишком много запросов|请求过于频繁|whoa there, pardner",
    stems="429|demasiadas|limit exceeded|limited|many requests|slow down|solicitações|there, pardner|trop de requêtes|"
    "troppe richieste|viele anfragen|много запросов|请求过于频繁",
)
_REGION_PART = Words(
    r"(?:451[\W_]+)?unavailable (?:for|due to) legal reasons|451|(?:content |site |page |this content is |"
    r"this site is )?(?:not available|"
    r"unavailable) in your (?:country|region|location|area|territory)|(?:region|country|geo)[ -]?(?:blocked|"
    r"restricted|restriction)",
    r"(?:contenido )?no disponible en (?:tu|su) (?:país|región)|nicht verfügbar in (?:ihrem land|ihrer region)|"
    r"(?:contenu )?non disponible dans votre (?:pays|région)|non disponibile nel tuo paese|"
    r"indisponível (?:no seu país|na sua região)",
    stems="451|blocked|disponible dans|indisponível|nicht verfügbar|no disponible en|non disponibile|not available|"
    "restricted|restriction|unavailable",
)

PARTS = (
    ("challenge", _CHALLENGE_PART),
    ("captcha", _CAPTCHA_PART),
    ("access_denied", _DENIED_PART),
    ("rate_limited", _RATE_PART),
    ("region_blocked", _REGION_PART),
)

CHALLENGE_SAID = Words(
    r"checking (?:your browser|if the site connection is secure)|enable (?:javascript|js) and (?:cookies to continue|"
    r"disable any ad "
    r"blocker)|(?:needs|need) to review the security of your connection|verif(?:y|ying) (?:that )?you(?:r browser|"
    r" are (?:human|not a "
    r"(?:ro)?bot))|this process is automatic|please wait (?:while (?:we|your request)|a (?:few|moment))",
    r"you(?:'ll| will) be redirected (?:once|shortly|automatically|to)|your browser (?:will (?:be )?redirect|"
    r"is being (?:checked|"
    r"verified))|completing a (?:quick )?security check|making sure you're not a bot|ddos (?:protection|"
    r"attack) (?:by|prevention)",
    r"comprob(?:ando|aremos|ar) (?:si|su|tu|el) (?:navegador|conexión|seguridad|sitio)|überprüf\w* .{0,30}(?:browser|"
    r"verbindung)|vérifi\w+ "
    r"(?:de )?(?:votre navigateur|la sécurité|que vous)|verific\w+ .{0,30}(?:browser|navegador|connessione|conexão)|"
    r"проверк[аи] .{0,20}"
    r"браузер|проверяем .{0,20}браузер|正在检查您的浏览器|ブラウザを確認|"
    r"(?:habilite|activa|aktivieren sie|activez|attiva|ative) "
    r"javascript (?:y|und|et|e) (?:las |les |i |os )?cookies",
    stems="be redirected|browser|completing a|comproba|cookies|ddos|enable javascript|enable js|please wait|"
    "security of your|site connection|this process is|verific|verify|vérifi|you're not a bot|überprüf|браузер|"
    "ブラウザを確認|正在检查您的浏览器",
)
CAPTCHA_SAID = Words(
    r"(?:you(?:'re| are)|confirm you are|prove (?:that )?you(?:'re| are)|verify (?:that )?you(?:'re|"
    r" are)) (?:a )?(?:human|not a "
    r"(?:ro)?bot|real person)|(?:press|click|activate|tap) (?:&|and) hold|prove your humanity|i(?:'m|"
    r" am) not a robot|(?:complete|solve|enter|type) the (?:captcha|"
    r"characters|security check|text (?:in|you)|letters|puzzle)|slide to (?:verify|complete)",
    r"unusual (?:traffic|activity|requests) (?:from|coming from|on|in) (?:your|this)|(?:you(?:'re|"
    r" are)) not a (?:ro)?bot|automated "
    r"(?:access|requests|traffic|queries|tools to browse)|confirm (?:that )?(?:you|this)(?:'re| are)? .{0,20}human",
    r"no (?:soy|eres|es) un robot|demuest\w+ que .{0,20}(?:humano|robot)|kein(?:e)? roboter|ein mensch sind|"
    r"pas un robot|êtes humain|"
    r"non sei un robot|não (?:é|sou) um robô|geen robot|nie jest(?:eś|em) robotem|не робот|не бот|"
    r"不是机器人|不是機器人|"
    r"滑动|拖动滑块|ロボットではない|로봇이 아닙니다",
    stems="& hold|and hold|automated|captcha|characters|demuest|ein mensch sind|geen robot|human|kein|letters|"
    "nie jeste|not a bot|not a robot|não|puzzle|real person|security check|slide to|the text in|the text you|"
    "un robot|unusual|êtes humain|не бот|не робот|ロボットではない|不是机器人|不是機器人|拖动滑块|滑动|"
    "로봇이 아닙니다",
)
DENIED_SAID = Words(
    r"you don't have permission to access|(?:you have|you've|your (?:ip(?: address)?|request|access|"
    r"connection)(?: .{0,40})? "
    r"(?:has|was|have)) been (?:blocked|denied|limited|banned)|access to this (?:page|site|resource|"
    r"website) (?:has been|is|was) "
    r"(?:denied|blocked|restricted|forbidden)|(?:you are|you're) (?:unable|not (?:allowed|authori[sz]ed|"
    r"permitted)) to access",
    r"(?:requested url|request) was (?:rejected|blocked)|security (?:service|policy|solution) .{0,40}(?:protect|"
    r"block|triggered)|"
    r"you (?:do not|don't) have (?:permission|access|the required)|request could not be satisfied|"
    r"blocked by (?:network )?security|"
    r"your support id is|something about your browser made us think",
    r"no tien(?:es|e) permiso|su (?:acceso|ip|solicitud) ha sido (?:bloquead|denegad)|keine berechtigung|(?:ihre ip|"
    r"ihr zugriff|ihre "
    r"anfrage) .{0,30}(?:gesperrt|blockiert)|vous n'(?:avez pas (?:l'autorisation|la permission|accès)|"
    r"êtes pas autorisé)|votre (?:accès|"
    r"adresse ip) .{0,20}(?:bloqué|refusé)|non (?:hai|disponi di) (?:il permesso|l'autorizzazione|i permessi)|"
    r"não tem permissão|"
    r"geen toestemming om|nie masz (?:uprawnień|dostępu)|(?:у вас нет|нет) (?:доступа|прав)|доступ .{0,40}(?:запрещ|"
    r"заблокирован|огранич)|"
    r"アクセス(?:権限|は拒否)|没有权限|您的访问.{0,10}(?:被|受)|접근 권한이 없",
    stems="access to this|banned|berechtigung|blocked|browser made us|denied|geen toestemming|ha sido|i permessi|ihr|"
    "il permesso|l'autorizzazione|limited|nie masz|no tiene|not be satisfied|rejected|security|tem permissão|"
    "to access|votre a|vous n'|you do|your support id|доступ|нет|アクセス|您的访问|没有权限|접근 권한이 없",
)
RATE_SAID = Words(
    r"too many requests|(?:made|sent|received|sending) (?:us )?(?:too many|a lot of) requests|rate limit|"
    r"try again (?:in|after) "
    r"(?:a few |\d+ )?(?:seconds|minutes)|demasiadas (?:solicitudes|peticiones)|zu viele anfragen|trop de requêtes|"
    r"troppe richieste|"
    r"muitas (?:solicitações|requisições)|слишком (?:много|часто)|访问过于频繁|请求过于频繁|リクエストが多すぎ",
    stems="demasiadas|muitas|rate limit|requests|trop de requêtes|troppe richieste|try again|viele anfragen|слишком|"
    "リクエストが多すぎ|访问过于频繁|请求过于频繁",
)
REGION_SAID = Words(
    r"(?:not|isn't|currently not|no longer) (?:currently )?(?:available|accessible|allowed) (?:in|from|"
    r"to (?:visitors|users|readers) "
    r"(?:in|from)) (?:your (?:country|region|location|area|territory|jurisdiction)|the (?:european union|eu|eea|"
    r"european economic "
    r"area)|most european|(?:most )?countries in)|unavailable in (?:your (?:country|region|location|area)|"
    r"most european|the (?:eu|"
    r"european))|due to (?:gdpr|general data protection|licensing restrictions|legal reasons|export control)",
    r"no (?:está )?disponible en (?:tu|su) (?:país|región|ubicación)|in (?:ihrem land|ihrer region|"
    r"deinem land) .{0,20}nicht verfügbar|"
    r"(?:pas|non) (?:disponible|accessible) dans votre (?:pays|région)|non (?:è )?disponibile (?:nel tuo paese|"
    r"nella tua (?:regione|"
    r"zona))|não está disponível (?:no seu país|na sua região)|недоступ\w+ в (?:вашей стране|вашем регионе)|"
    r"您所在的(?:国家|地区)",
    stems="countries in|dans votre|disponibile nel|disponible en|due to|está disponível|"
    "most european|nicht verfügbar|the eea|the eu|your area|your country|"
    "your jurisdiction|your location|your region|your territory|недоступ|您所在的",
)
