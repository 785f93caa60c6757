"""The archive on S3 from end to end: documents as from files, processed again from there, examined and swept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.harness.command import Tidemill
from tests.harness.s3 import S3Server
from tests.site.server import Site


def documents(tidemill: Tidemill) -> list[tuple[Any, ...]]:
    return sorted((each["url"], each["title"], each["content"]) for each in tidemill.documents())


def test_the_sample_site_on_s3_gives_what_it_gives_on_files(site: Site, s3: S3Server, tmp_path: Path) -> None:
    url = s3.place()
    options = [f"{name}={value}" for name, value in s3.options(url).items()]
    on_files, on_s3 = Tidemill(tmp_path / "files"), Tidemill(tmp_path / "s3", *options)
    for each in (on_files, on_s3):
        each.crawl(f"{site.base_url}/")
    expected = documents(on_files)
    assert len(expected) > 10
    assert documents(on_s3) == expected
    assert not (tmp_path / "s3" / "archive").exists()
    names = s3.keys(url)
    assert names
    assert all(name.startswith("packs/") for name in names)

    verified = on_s3("archive", "verify", "--json").expect(0).json
    assert verified["bodies"] > 10
    on_s3("reprocess", "--yes", "--json").expect(0)
    assert documents(on_s3) == expected
    (archive,) = [each for each in on_s3("doctor", "--json").json if each["check"] == "archive"]
    assert archive["status"] == "ok"
    assert url in archive["detail"]
    assert s3.secret_key not in on_s3("config", "show").expect(0).stdout.decode()

    stats = on_s3("archive", "stats", "--json").expect(0).json
    assert (stats["packs"], stats["trashed_packs"]) == (len(names), 0)
    swept = on_s3("archive", "sweep", "--json").expect(0).json
    assert (swept["young"], swept["packs_trashed"]) == (len(names), 0)
    assert "too short" in on_s3("archive", "sweep", "--grace", "1h").expect(1).stderr
    other = Tidemill(tmp_path / "other", *options)
    assert "do not belong together" in other("archive", "sweep").expect(1).stderr


def test_a_body_that_is_gone_is_found_by_verify(site: Site, tidemill: Tidemill) -> None:
    tidemill.crawl(f"{site.base_url}/")
    for path in (tidemill.data_dir / "archive" / "packs").glob("*.pack"):
        path.unlink()
    found = tidemill("archive", "verify", "--json").expect(1).json
    assert len(found["missing"]) == found["bodies"] > 10
