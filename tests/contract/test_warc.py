"""Our WARC files against warcio, the field's own reader and checker, and its files against our reader."""

from __future__ import annotations

import gzip
from argparse import Namespace
from collections import Counter
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator
from warcio.checker import Checker
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from tidemill.archive.warc import WarcEntry, read_warc, write_warc
from tidemill.models.ids import new_id

NOON = datetime(2026, 11, 1, 12, 0, 0, 654321, tzinfo=UTC)
BODIES = [b"<p>one</p>" * 500, b"", "<p>mañana</p>".encode(), bytes(range(256)) * 40, b"<p>one</p>" * 500]


def entries() -> list[WarcEntry]:
    """Pages of all sorts; the last has the body of the first. Headers are those of the wire."""
    headers = (("Content-Type", "text/html"), ("Content-Encoding", "gzip"), ("Content-Length", "7"), ("X-Ñ", "ñ"))
    return [
        WarcEntry(
            url=f"https://example.org/{number}?q=ñ",
            fetched_at=NOON + timedelta(microseconds=number),
            status_code=(200, 404, 301, 200, 503)[number],
            headers=headers,
            body=body,
            capture_id=new_id(),
            notes=(("outcome", "stored"), ("reason", "")),
        )
        for number, body in enumerate(BODIES)
    ]


async def _written(path: Path, captures: list[WarcEntry]) -> None:
    with path.open("wb") as out:
        await write_warc(out, captures, software="tidemill/test", created_at=NOON)


async def test_warcio_check_accepts_our_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ours.warc.gz"
    await _written(path, entries())
    assert Checker(Namespace(inputs=[str(path)], verbose=True)).process_all() == 0
    said = capsys.readouterr().out
    assert said.count("digest pass") == 1 + 2 * len(BODIES) - 1
    assert said.count("not checked (revisit)") == 1


async def test_warcio_check_would_notice_damage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ours.warc.gz"
    await _written(path, entries())
    plain = tmp_path / "damaged.warc"
    plain.write_bytes(gzip.decompress(path.read_bytes()).replace(b"<p>one</p>", b"<p>ome</p>", 1))
    assert Checker(Namespace(inputs=[str(plain)], verbose=False)).process_all() == 1
    assert "digest failed" in capsys.readouterr().out


async def test_warcio_reads_what_we_wrote(tmp_path: Path) -> None:
    path = tmp_path / "ours.warc.gz"
    captures = entries()
    await _written(path, captures)
    kinds: Counter[str] = Counter()
    with path.open("rb") as source:
        for record in ArchiveIterator(source):
            kinds[record.rec_type] += 1
            if record.rec_type not in ("response", "revisit"):
                continue
            capture = next(each for each in captures if each.url == record.rec_headers["WARC-Target-URI"])
            assert record.rec_headers["WARC-Record-ID"] == f"<urn:uuid:{capture.capture_id}>"
            assert record.rec_headers["WARC-Date"] == capture.fetched_at.isoformat().replace("+00:00", "Z")
            assert record.http_headers.get_statuscode() == str(capture.status_code)
            assert record.http_headers["Content-Length"] == str(len(capture.body))
            body = record.content_stream().read()
            assert body == (capture.body if record.rec_type == "response" else b"")
    assert kinds == {"warcinfo": 1, "response": 4, "revisit": 1, "metadata": 5}


@pytest.mark.filterwarnings("ignore:.*SpooledTemporaryFile:pytest.PytestUnraisableExceptionWarning")  # warcio's own
@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_we_read_what_warcio_wrote(compressed: bool, version: str) -> None:
    file = BytesIO()
    writer = WARCWriter(file, gzip=compressed, warc_version=version)
    writer.write_record(writer.create_warcinfo_record("theirs.warc.gz", {"software": "warcio"}))
    for number, body in enumerate(BODIES[:-1]):
        headers = StatusAndHeaders("200 OK", [("Content-Type", "text/html")], protocol="HTTP/1.1")
        args = {"payload": BytesIO(body), "http_headers": headers}
        writer.write_record(writer.create_warc_record(f"https://example.org/{number}", "response", **args))
    file.seek(0)
    originals = {r.rec_headers["WARC-Target-URI"]: r.rec_headers for r in ArchiveIterator(file)}
    first = originals["https://example.org/0"]
    file.seek(0, 2)
    writer.write_record(
        writer.create_revisit_record(
            "https://example.org/again",
            first["WARC-Payload-Digest"],
            "https://example.org/0",
            first["WARC-Date"],
            http_headers=StatusAndHeaders("200 OK", [("X-A", "1")], protocol="HTTP/1.1"),
        )
    )
    file.seek(0)
    skipped: Counter[str] = Counter()
    found = list(read_warc(file, max_body_bytes=1_000_000, skipped=skipped))
    assert [each.body for each in found] == BODIES
    assert found[-1].headers == (("X-A", "1"),)
    assert not skipped
