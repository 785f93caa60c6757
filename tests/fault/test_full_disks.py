"""Rows 16 and 17: the disk of the database server, of the archive, of the log or of an export is full. Everybody says
so in a sentence, nobody ends or writes half of something, and with space the work goes on by itself."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from tests.harness.accounts import Collect, check_ledger
from tests.harness.brokers import PATIENCE_S, free_port
from tests.harness.command import Tidemill, clean_environment, executable
from tests.harness.fleet import fleet_over
from tests.harness.nursery import Nursery
from tests.harness.outages import APART, Detour, customer, ended, endured, manned, reach, waited
from tests.harness.postgres import again, in_own_loop, own_postgres
from tests.harness.probing import ask, watching
from tests.harness.sites import site_in_thread
from tests.harness.watch import until
from tests.site.server import Site

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(PATIENCE_S + 300)]
Disk = Callable[[str], Path]


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Not a byte is left, until the block ends."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1 << 20))
    with filler.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        filler.unlink()


@pytest.fixture
def long_site() -> Iterator[Site]:
    """So many pages that the work is not done before the disk is full, nor fits into what the server has in reserve."""
    with site_in_thread(pages=600) as served:
        yield served


def test_the_disk_of_the_database_server(
    small_disk: Disk,
    long_site: Site,
    tmp_path: Path,
    rng: random.Random,
    collect: Collect,
    nursery: Nursery | None,
) -> None:
    """Row 16."""
    folder = small_disk("256m")
    with own_postgres(folder) as server:
        url = in_own_loop(server.copy())
        backend = Detour("postgres", url, "database:")
        with fleet_over(backend, Tidemill(tmp_path / "data", nursery=nursery), long_site, rng) as fleet:
            bases = manned(fleet, *APART)
            with watching(bases) as watch, customer(bases["serve"]) as shopping:
                fleet.begin()
                reach(fleet, 0.1)
                with filled(folder):
                    full = time.monotonic()
                    waited(
                        fleet,
                        lambda: any(watch.said(name, "/readyz", 503, full) for name in ("crawler", "processor")),
                        what="503 of a role that writes",
                    )
                    time.sleep(2)
                if server.process is not None and server.process.poll() is not None:
                    again(server)  # it ends itself if it can write no more of its log
                free = time.monotonic()
                waited(
                    fleet,
                    lambda: all(watch.said(name, "/readyz", 200, free) for name in bases),
                    timeout_s=60,
                    what="200 of every /readyz",
                )
                ended(fleet)
            endured(fleet)
            assert "disk_full" in "".join(member.said() for member in fleet.members)
            assert watch.never_but("/livez", 200) == []
            assert shopping.unclean == []
            fleet.settle()
            fleet.kills["crawler"] += 3
            check_ledger(fleet, "16. disk of PostgreSQL full", collect=collect, blows=1)
        assert_undamaged(url)


def assert_undamaged(url: str) -> None:
    """`pg_amcheck`, where there is one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_amcheck"))
    if found:
        parsed = make_url(url)
        command = [found[-1], "-h", str(parsed.host), "-p", str(parsed.port), "-U", str(parsed.username)]
        done = subprocess.run(
            [*command, "--install-missing", "--heapallindexed", "-d", str(parsed.database)], capture_output=True
        )
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def test_the_disk_of_the_archive(
    small_disk: Disk,
    numbered_site: Site,
    tmp_path: Path,
    rng: random.Random,
    collect: Collect,
    nursery: Nursery | None,
) -> None:
    """Row 17: the crawler waits ever longer, and goes on by itself when there is room."""
    folder = small_disk("1m")
    archive = f"archive.url=file://{folder}/archive"
    with fleet_over(
        Detour("sqlite", "", "database:"), Tidemill(tmp_path / "data", archive, nursery=nursery), numbered_site, rng
    ) as fleet:
        bases = manned(fleet, "crawler", "processor", "indexer")
        with watching(bases) as watch:
            with filled(folder):
                fleet.begin()
                crawler = fleet.of("crawler")[0]
                until(lambda: "disk_full" in crawler.said(), what="a word about the disk")
                asked = len(numbered_site.hits)
                time.sleep(2)
                assert len(numbered_site.hits) - asked <= 40, "a site is not asked again and again for nothing"
            small_disk("64m")
            waited(fleet, lambda: fleet.books.count("runs", "state = 'completed'") == 1, timeout_s=60, what="the end")
        endured(fleet)
        assert watch.never_but("/livez", 200) == []
        fleet.kills["crawler"] += 6
        folder_of_packs = fleet.house.data_dir / "archive"
        folder_of_packs.symlink_to(folder / "archive")
        fleet.settle()
        check_ledger(fleet, "17. disk of the archive full", collect=collect, blows=1)


def test_the_disk_of_the_log(small_disk: Disk, tmp_path: Path) -> None:
    """Row 17: what nobody can write down is lost; the process that says it is not."""
    folder = small_disk("1m")
    port = free_port()
    data = str(tmp_path / "data")
    with filled(folder), (folder.parent / f"{folder.name}.out").open("wb") as out:
        log = (folder / "log").open("wb")
        process = subprocess.Popen(
            [*executable(), "--data-dir", data, "--set", "logging.level=DEBUG", "serve", "--port", str(port)],
            stdout=out,
            stderr=log,
            env=clean_environment(),
            start_new_session=True,
        )
        try:
            base = f"http://127.0.0.1:{port}"
            until(lambda: ask(f"{base}/readyz").status == 200 or process.poll() is not None, what="readiness")
            assert process.poll() is None, "the process has ended"
            assert ask(f"{base}/api/v1/runs").status == 200
            process.terminate()
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()
            log.close()
            Path(out.name).unlink()


@pytest.mark.parametrize("form", ["jsonl", "warc"])
def test_the_disk_of_an_export(small_disk: Disk, numbered_site: Site, tmp_path: Path, form: str) -> None:
    """Row 17: it failed, it says so, and no half of it is left."""
    house = Tidemill(tmp_path / "data")
    house.crawl(f"{numbered_site.base_url}/n/")
    file = small_disk("64k") / f"export.{form}"
    done = house("export", str(file), "--format", form).expect(1)
    assert str(file) in done.stderr
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(file.parent.iterdir()) == []
