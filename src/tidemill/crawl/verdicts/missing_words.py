"""How missing pages and empty searches speak, in some twenty languages: patterns over folded text.

A title or heading is matched whole (`NOT_FOUND`, `EMPTY`), so that an article *about* it is not meant; the text of the
page is searched for what it says of itself. Used by `absence`.
"""

from __future__ import annotations

from tidemill.crawl.verdicts.text import Words, any_of

_NOUN = (
    r"(?:page|site|url|link|address|file|document|resource|content|article|post|story|product|item|listing|job|event|"
    r"profile|user|topic|thread|video|entry|record|recipe|category)"
)
_THING = rf"(?:the |this |that |your |our )?(?:requested |web ?)?{_NOUN}"
_NOT = (
    r"(?:(?:ca|could|does|is|was|did|has|wo)n't|can ?not|(?:was|is|could|does|has|did) (?:not|no longer)|not|no longer)"
)
_WE_FAIL = r"(?:could ?n't|could not|ca ?n't|can ?not|unable to|did(?:n't| not)) (?:seem to )?find"

_NOT_FOUND_ABROAD = (
    r"(?:página|pagina|contenido|artículo|producto|archivo|recurso)\b.{0,40} no (?:encontrad[ao]|existe|"
    r"(?:está )?disponible|"
    r"(?:se )?(?:ha |ha sido |fue |pudo |puede )?(?:encuentra|encontró|encontrad[ao]|encontrar|ser encontrad[ao]))",
    r"no (?:se )?(?:encontramos|encontró|hemos encontrado|ha encontrado|podemos encontrar|pudimos encontrar) "
    r"(?:la |esa |esta )?página",
    r"(?:seite|internetseite|webseite|datei|inhalt|artikel|produkt|dokument|"
    r"beitrag)\b.{0,50} (?:nicht (?:mehr )?(?:gefunden|"
    r"verfügbar|vorhanden|existiert)(?: werden)?|existiert nicht(?: mehr)?|gibt es (?:leider )?nicht(?: mehr)?)",
    r"seite existiert (?:leider )?nicht(?: mehr)?",
    r"(?:page|contenu|article|produit|document|fichier|ressource)\b.{0,50}(?:introuvable|inexistante?|non trouvée?|"
    r"n'existe "
    r"(?:pas|plus)|pas (?:été|pu être) trouvée?|n'est (?:pas|plus) disponible)",
    r"(?:pagina|contenuto|risorsa|articolo|prodotto|documento)\b.{0,40}(?:non (?:è stat[ao] |è )?(?:trovat[ao]|"
    r"esiste|più "
    r"disponibile|disponibile|presente)|inesistente)",
    r"(?:página|conteúdo|artigo|produto|arquivo)\b.{0,40}não (?:foi |está |pôde ser )?(?:encontrad[ao]|existe|"
    r"disponível|"
    r"localizad[ao])",
    r"(?:pagina|inhoud|artikel|product)\b.{0,40}(?:niet (?:gevonden|beschikbaar|worden gevonden)|"
    r"bestaat niet(?: meer)?)",
    r"nie znaleziono strony|stron[ay]\b.{0,40}nie (?:została znaleziona|istnieje|znaleziono)",
    r"страница\b.{0,40}не (?:найдена|существует)|сторінк[ау]\b.{0,40}не (?:знайдено|існує)",
    r"sidan\b.{0,40}(?:hittades inte|kunde inte hittas|finns inte(?: längre)?|kan inte hittas)|hittar inte sidan",
    r"siden\b.{0,40}(?:ikke (?:funnet|fundet)|(?:finnes|findes|eksisterer) ikke|kunne ikke (?:finnes|findes))",
    r"(?:fant|fandt|finner|finder) ikke siden|sivua ei (?:löytynyt|löydy|ole)",
    r"stránk[au]\b.{0,40}(?:nenalezena|nebyla nalezena|neexistuje|sa nenašla)|oldal\b.{0,30}nem található",
    r"pagina\b.{0,40}nu (?:a fost găsită|există)|sayfa\b.{0,30}bulunamad[ıi]|σελίδα\b.{0,40}δεν (?:βρέθηκε|υπάρχει)",
    r"pàgina\b.{0,30}no (?:trobada|s'ha trobat|existeix)|الصفحة\b.{0,30}غير موجودة|không tìm thấy trang",
    r"halaman\b.{0,30}tidak (?:ditemukan|tersedia)",
)
_NOT_FOUND_UNSPACED = (
    r"(?:お探しの|指定された)?ページ.{0,6}(?:見つかりません|存在しません|ありません).{0,8}",
    r"(?:您.{0,8}的)?(?:页面|頁面|网页|網頁).{0,4}(?:未找到|不存在|找不到|走丢了?|已删除)|找不到.{0,8}(?:页面|頁面|网页|網頁)",
    r"페이지를? 찾을 수 없.{0,8}",
)

_NOT_FOUND_WHOLE = any_of(
    rf"{_THING}(?: (?:you|that|which|at)\b.{{1,50}})? {_NOT}(?: longer)?(?: be| been)? "
    r"(?:found|exists?|available|located|here|there)",
    rf"{_THING} (?:is |was |has been |may have been )?(?:missing|gone|unavailable|removed|deleted|expired)",
    rf"(?:we(?:'re| are| were)? ?)?{_WE_FAIL} (?:the|that|this|your|what)\b.{{0,60}}",
    r"nothing (?:was )?(?:found|here|to see here)|not[ -]found|nicht gefunden|introuvable|no encontrad[ao]|"
    r"nie znaleziono|не найдено",
    *(rf"(?:\w{{1,12}} |l'){{0,2}}(?:{pattern})" for pattern in _NOT_FOUND_ABROAD),
    *_NOT_FOUND_UNSPACED,
)

_CODE = r"(?:4(?:04|10))"
NOT_FOUND_CODE = Words(
    rf"{_CODE}(?:[\W_]*(?:error|gone|fehler|erreur|errore|page|seite))?|(?:page|página) {_CODE}",
    stems="404|410",
)
"""A part of a title that is nothing but the code."""

NOT_FOUND = Words(
    rf"(?:{_CODE}[\W_]+)?(?:error[\W_]+)?(?:{_NOT_FOUND_WHOLE})(?:[\W_]+(?:error[\W_]+)?{_CODE}(?: error)?)?",
    stems="archivo|artículo|available|contenido|deleted|exist|expired|find|found|gone|halaman|here|inesistente|"
    "introuvable|không tìm thấy|located|missing|n'est p|nicht|nie znaleziono|niet|no encontrad|non|não|oldal|"
    "pagina|producto|pàgina|página|recurso|removed|sayfa|sidan|siden|sivua ei|stron|stránk|trouvé|σελίδα|"
    "не найдено|сторінк|страница|الصفحة|ページ|網頁|网页|頁面|页面|페이지",
)
"""What a part of a title, or a heading, of a missing page consists of."""

NOT_FOUND_SAID = Words(
    rf"\b{_NOUN} (?:that )?(?:you(?:'re| are| were|'ve| have)?|requested|at this)\b.{{0,80}}?(?:{_NOT} |may have|"
    rf"might have|"
    r"has been|moved|deleted|removed|missing|unavailable|gone)",
    rf"\b{_WE_FAIL} (?:(?:the|that|this|a|your) (?:page|link|content|product|article|url|item|file|address)|what you)",
    rf"\b(?:this|the|that) (?:requested )?{_NOUN} (?:does(?: not|n't) exist|(?:is|was) (?:not found|gone|missing)|"
    rf"no longer "
    r"exists|(?:isn't|is(?: not| no longer| currently not)) available(?! in)|(?:could|can)(?: ?not|n't) be found|"
    r"(?:has|may "
    r"have|might have) been (?:moved|removed|deleted))",
    r"nothing was found at this (?:location|address|url)|that page can't be found|(?:page|url|resource) (?:was |"
    r"is )?not found",
    r"requested (?:url|page|resource|address)\b.{0,80} (?:was|is|could) not (?:be )?found",
    r"link (?:you (?:followed|clicked)|may be|might be|is) .{0,30}(?:broken|outdated|incorrect|expired)",
    r"(?:you may have|have you|you might have) (?:mis)?typed (?:the|an?) (?:web )?address",
    *(rf"\b(?:{pattern})" for pattern in _NOT_FOUND_ABROAD),
    *_NOT_FOUND_UNSPACED,
    stems="archivo|articolo|artículo|at this|available|be found|broken|contenido|contenuto|deleted|documento|exist|"
    "expired|find|gone|halaman|incorrect|introuvable|istnieje|không tìm thấy|missing|moved|n'est p|nicht|niet|"
    "not found|não|oldal|outdated|pagina|prodotto|producto|pàgina|página|recurso|requested|risorsa|sayfa|sidan|siden|"
    "sivua ei|stránk|trouvé|you|znaleziona|znaleziono|σελίδα|сторінк|страница|الصفحة|ページ|網頁|网页|頁面|页面|"
    "페이지",
)
"""What a missing page says of itself."""

_FOUND = r"(?:results?|matches|products?|items|posts|listings|jobs|records|entries|hits|documents|articles|events)"
EMPTY = Words(
    rf"(?:no|0|zero) (?:[\w-]+ ){{0,2}}{_FOUND}(?: (?:were|was|are))? (?:found|match(?:ed|ing)?|to display|available|"
    rf"for)\b",
    r"(?:0|no) (?:search )?results\b|(?:did|do|does)(?: not|n't) match any\b|nothing (?:found|matched)|"
    r"returned no results",
    rf"{_WE_FAIL} any(?:thing)?\b|no products were found matching|seem to find what you're looking for",
    r"no (?:se )?(?:(?:han? )?encontr(?:aron|ado)|hay|obtuvo) (?:ningún )?(?:resultados?|productos|artículos|"
    r"coincidencias)",
    r"(?:0|ningún|sin) resultados?|no hemos encontrado (?:ningún )?(?:resultado|producto)",
    r"(?:keine|0) (?:\w+ ){0,2}(?:ergebnisse|treffer|produkte|artikel|einträge|beiträge|suchergebnisse)|"
    r"nichts gefunden",
    r"aucun (?:\w+ )?(?:résultat|produit|article|contenu)|0 résultats?",
    r"nessun (?:risultato|prodotto|articolo|elemento)|0 risultati",
    r"nenhum (?:resultado|produto|artigo|item)|não encontramos (?:nenhum|resultados)",
    r"geen (?:zoek)?(?:resultaten|producten|artikelen|treffers)|niets gevonden",
    r"brak wyników|nie znaleziono (?:żadnych|wyników|produktów)",
    r"ничего не найдено|не дал результатов|0 результатов|нет результатов",
    r"inga (?:träffar|resultat|sökresultat|sökträffar)|ingen (?:resultater|treff|søgeresultater)|ei (?:haku)?tuloksia",
    r"(?:nic|žádné) (?:nenalezeno|výsledky)|nebyly nalezeny žádné|nincs találat|sonuç bulunamad[ıi]",
    r"見つかりませんでした|該当する.{0,10}(?:ありません|ございません)|検索結果.{0,6}0 ?件",
    r"没有找到|未找到(?:相关|任何)|沒有找到|暂无(?:相关)?结果|검색 ?결과가 없",
    stems="0 risultati|0 résultat|0 результатов|articles|artikel|aucun|beiträge|brak wyników|documents|einträge|"
    "encontra|entries|ergebnisse|events|find any|find what you're|hay|hits|inga|ingen|items|jobs|listings|"
    "match any|matches|nebyly nalezeny|nenalezeno|nenhum|nessun|nichts gefunden|nie znaleziono|niets gevonden|"
    "nincs találat|nothing|obtuvo|posts|product|produkte|records|result|sonuç bulunamad|treffer|tuloksia|"
    "výsledky|дал результатов|не найдено|нет результатов|暂无|未找到|検索結果|沒有找到|没有找到|"
    "見つかりませんでした|該当する|검색",
)
"""What a search or a list without results says."""

SEARCH = Words(
    r"\bsearch\b|results? for|you searched|suchergebnis|\bsuche\b|resultados? (?:de|para)|búsqueda|\brecherche\b|"
    r"résultats?",
    r"\bricerca\b|risultati|pesquisa|\bbusca\b|\bzoek|wyszukiwa|wyniki|поиск|результат|\bsök|\bsøg|\bsøk|\bhaku|vyhled",
    r"hledání|arama|検索|搜索|搜尋|검색",
    stems="arama|busca|búsqueda|haku|hledání|pesquisa|recherche|result|ricerca|risultati|résultat|search|suche|sök|søg|"
    "søk|vyhled|wyniki|wyszukiwa|zoek|поиск|результат|搜尋|搜索|検索|검색",
)
"""A title or heading that speaks of a search."""
