"""Two commands at once over one data folder: on one source they share the work, on two they do not mind."""

from __future__ import annotations

from pathlib import Path

import yaml
from tests.harness.books import Books
from tests.harness.command import Tidemill
from tests.harness.reports import against_truth, by_path, report
from tests.harness.sites import asked, site_in_thread
from tests.harness.watch import progress, until
from tests.site.server import Site


def test_two_crawls_of_one_source_fetch_every_page_once(site: Site, tidemill: Tidemill) -> None:
    """The second takes part in the run that the first has begun."""
    books = Books(tidemill.data_dir)
    with tidemill.start(*crawl_command(site)) as first:
        until(lambda: progress(books) > 0 or not first.alive, what="the first page")
        with tidemill.start(*crawl_command(site)) as second:
            summaries = [running.wait().expect(0).json for running in (first, second)]
    assert len({summary["run_id"] for summary in summaries}) == 1
    assert {summary["status"] for summary in summaries} == {"completed"}
    assert_every_page_once(site)
    done = report(tidemill, site.base_url)
    wrong = against_truth(done.ledger, site.truth)
    assert not wrong, "\n".join(wrong)


def test_two_crawls_that_begin_in_the_same_moment_share_one_run(site: Site, tidemill: Tidemill) -> None:
    with tidemill.start(*crawl_command(site)) as first, tidemill.start(*crawl_command(site)) as second:
        summaries = [running.wait().expect(0).json for running in (first, second)]
    assert len({summary["run_id"] for summary in summaries}) == 1
    assert_every_page_once(site)


def crawl_command(site: Site) -> tuple[str, ...]:
    return ("crawl", f"{site.base_url}/", "--allow-private", "--json")


def assert_every_page_once(site: Site) -> None:
    tries = {"/status/stiff.html": 3, "/status/busy.html": 2, "/robots.txt": 2}
    assert {path: n for path, n in asked(site.hits).items() if n > tries.get(path, 1)} == {}


def test_two_sources_at_once_come_out_as_each_alone(site: Site, tidemill: Tidemill, tmp_path: Path) -> None:
    """Their pages are the same, and each keeps its own: they may not be told apart by who was first."""
    with site_in_thread() as other:
        for name, each in (("one", site), ("two", other)):
            file = tmp_path / f"{name}.yaml"
            spec = {"name": name, "start": [f"{each.base_url}/es/"], "process": {"across_sources": False}}
            file.write_text(yaml.safe_dump(spec))
            tidemill("sources", "apply", str(file)).expect(0)
        commands = [("crawl", name, "--allow-private", "--json") for name in ("one", "two")]
        with tidemill.start(*commands[0]) as first, tidemill.start(*commands[1]) as second:
            runs = [done.expect(0).json for done in (first.wait(), second.wait())]
        Books(tidemill.data_dir).check()
        sites = (site.base_url, other.base_url)
        ledgers = [by_path(tidemill.ledger(run["run_id"]), base_url) for run, base_url in zip(runs, sites, strict=True)]
    assert [run["status"] for run in runs] == ["completed", "completed"]
    outcomes = [{path: (e["outcome"], e["reason"]) for path, e in ledger.items()} for ledger in ledgers]
    assert outcomes[0] == outcomes[1]
    assert len(outcomes[0]) > 10
