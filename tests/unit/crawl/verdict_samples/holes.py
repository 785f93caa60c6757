"""Missing pages, empty searches, and shells without content: our own text, in the manner of the real ones."""

from __future__ import annotations

from tests.unit.crawl.verdict_samples.pages import SITE, Sample, bare, site, teasers


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
    '<!doctype html><html><head><title>Harbour</title><script type="module" '
    'src="/assets/index-1.js"></script></head><body><div id="root">'
    "</div></body></html>",
    "<!doctype html><html><head><title>Harbour</title></head><body><noscript>You need to enable JavaScript to run "
    "this app.</noscript>"
    '<div id="root"></div><script src="/static/js/main.js"></script></body></html>',
    "<html><head><title>Lager</title></head><body><app-root></app-root><noscript>Bitte aktivieren Sie "
    "JavaScript.</noscript>"
    '<script src="runtime.js"></script><script src="main.js"></script></body></html>',
    site(
        "Lamps",
        '<div id="app"><div class="spinner">Loading…</div></div><noscript>This site requires JavaScript.</noscript>',
    ),
    '<html><head><title>x</title></head><body><script>window.location.replace("/home?js=1")</script></body></html>',
)
"""Pages that are empty until JavaScript has run."""
