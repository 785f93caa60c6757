"""What comes from outside and is wrong: damaged bytes, source files, forbidden URLs, sites that are mute."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.harness.books import Books
from tests.harness.command import Done, Tidemill
from tests.harness.reports import Entry, by_path, report
from tests.harness.sites import asked
from tests.site.server import Site

pytestmark = [pytest.mark.fault]
TARGET = "/es/articulos/especias-al-peso.html"


@dataclass(frozen=True)
class Spot:
    """Where the archive of a data folder keeps a body."""

    pack: Path
    start: int
    length: int

    def write(self, record: bytes) -> None:
        raw = self.pack.read_bytes()
        self.pack.write_bytes(raw[: self.start] + record[: self.length].ljust(self.length, b"\x00") + self.after(raw))

    def read(self) -> bytes:
        return self.pack.read_bytes()[self.start : self.start + self.length]

    def after(self, raw: bytes) -> bytes:
        return raw[self.start + self.length :]


def spots(books: Books) -> dict[str, Spot]:
    """Where each body lies. Looked up by the archive's own index, while nothing runs."""
    folder = books.data_dir / "archive" / "packs"
    with closing(sqlite3.connect(folder / "index.db")) as index:
        rows = index.execute("SELECT hash, name, start, length FROM bodies JOIN packs ON packs.id = pack").fetchall()
    return {body_hash.hex(): Spot(folder / name, start, length) for body_hash, name, start, length in rows}


def flip(books: Books, body_hash: str) -> None:
    spot = spots(books)[body_hash]
    record = bytearray(spot.read())
    record[len(record) // 2] ^= 0xFF
    spot.write(bytes(record))


def other_bytes(books: Books, body_hash: str) -> None:
    """A sound record, of another page."""
    smallest = min((each for other, each in spots(books).items() if other != body_hash), key=lambda each: each.length)
    spots(books)[body_hash].write(smallest.read())


def lose(books: Books, body_hash: str) -> None:
    """Nothing of the record is left, and the index has to be made anew from the packs."""
    spot = spots(books)[body_hash]
    spot.write(b"")
    for path in spot.pack.parent.glob("index.db*"):
        path.unlink()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(flip, "archive_corrupt", marks=pytest.mark.slow),
        pytest.param(other_bytes, "archive_corrupt", marks=pytest.mark.long),
        (lose, "archive_missing"),
    ],
)
def test_a_damaged_body_costs_its_page_and_no_other(
    site: Site, tidemill: Tidemill, spoil: Callable[[Books, str], None], reason: str
) -> None:
    tidemill.crawl(f"{site.base_url}{TARGET}", "--crawl-only", "--max-pages", "8")
    books = Books(tidemill.data_dir)
    spoil(books, books.one("SELECT body_hash FROM captures WHERE url LIKE ?", f"%{TARGET}"))
    captured = books.count("captures")
    done = tidemill.with_settings("process.max_attempts=2")("process", "--json").expect(0)
    assert done.json == {"processed": captured, "pending": 0}
    letters = books.rows("SELECT url, reason, attempts FROM dead_letters")
    assert letters == [(f"{site.base_url}{TARGET}", reason, 2)]
    ledger = outcomes_with_damage(tidemill, site)
    assert (ledger[TARGET]["outcome"], ledger[TARGET]["reason"]) == ("dead", reason)
    assert [path for path, entry in ledger.items() if entry["outcome"] == "dead"] == [TARGET]
    assert tidemill("runs", "show", "--json").json["state"] == "completed"
    assert len(tidemill.documents()) == captured - 1
    doctor = tidemill("doctor", "--json").expect(1).json
    assert [each["check"] for each in doctor if each["status"] == "fail"] == ["archive"]


def outcomes_with_damage(tidemill: Tidemill, site: Site) -> dict[str, Entry]:
    """The ledger by path; the books are not checked, for a body is missing from them."""
    return by_path(tidemill.ledger(), site.base_url)


@pytest.mark.slow
@pytest.mark.parametrize("spoil", [pytest.param(flip, marks=pytest.mark.long), lose])
def test_a_page_whose_bytes_were_lost_is_fetched_anew_by_the_next_run(
    site: Site, tidemill: Tidemill, spoil: Callable[[Books, str], None]
) -> None:
    tidemill.crawl(f"{site.base_url}{TARGET}", "--crawl-only", "--max-pages", "8")
    books = Books(tidemill.data_dir)
    spoil(books, books.one("SELECT body_hash FROM captures WHERE url LIKE ?", f"%{TARGET}"))
    tidemill.with_settings("process.max_attempts=1")("process").expect(0)
    tidemill.crawl(f"{site.base_url}{TARGET}", "--max-pages", "8")
    found = report(tidemill, site.base_url)
    assert found.ledger[TARGET]["outcome"] == "stored"
    assert f"{site.base_url}{TARGET}" in [document["url"] for document in found.documents]
    assert [each["status"] for each in tidemill("doctor", "--json").json if each["check"] == "archive"] == ["ok"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: [unclosed\n", "is not YAML"),
        ("name: a\nstart: [https://a.example/]\ntabs:\n\t- x\n", "is not YAML"),
        ("", "is empty"),
        ("- just\n- a list\n", "a mapping of fields"),
        ("name: a\nstart: [https://a.example/]\nstrat: 1\n", "did you mean start?"),
        ("name: a\nstart: [ftp://a.example/]\n", "ftp://a.example/"),
        ("name: a\nstart: []\n", "start is empty"),
        ("name: a\nkind: podcast\nstart: [https://a.example/]\n", "podcast"),
        ("name: a\nstart: [https://a.example/]\nmax_pages: -3\n", "max_pages"),
        ("name: a\nstart: [https://a.example/]\ndeny: ['(']\n", "no regular expression"),
        ("name: a\nstart: [https://a.example/]\n---\nname: a\nstart: [https://b.example/]\n", "twice"),
        ("name: !!python/object/apply:os.system ['true']\n", "is not YAML"),
        ("a: &a [x, x, x]\nb: &b [*a, *a, *a]\nname: *b\n", "unknown field"),
        ("name: a\nname: b\nstart: [https://a.example/]\n", "name"),
    ],
    ids=lambda value: value[:30].strip().replace("\n", " ") if isinstance(value, str) else None,
)
def test_a_wrong_source_file_is_told_with_its_line(tidemill: Tidemill, tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "source.yaml"
    file.write_text(text)
    done = tidemill("sources", "apply", str(file), "--json").expect(1)
    assert says in done.stderr, done
    assert str(file) in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tidemill.data_dir / "tidemill.db").exists()


def test_a_source_file_that_is_no_text(tidemill: Tidemill, tmp_path: Path) -> None:
    for name, content in (("latin.yaml", b"name: caf\xe9\n"), ("binary.yaml", bytes(range(256)))):
        (tmp_path / name).write_bytes(content)
        done = tidemill("sources", "check", str(tmp_path / name)).expect(1)
        assert name in done.stderr
        assert "Traceback" not in done.stderr
    assert tidemill("sources", "check", str(tmp_path)).expect(1).stderr.startswith("error: ")


@pytest.mark.parametrize(
    "url",
    [
        "http://user:canary-password@a.example/",
        "file:///etc/passwd",
        "ftp://a.example/",
        "javascript://a.example/%0aalert(1)",
        "http://",
        "http://a.example:99999/",
    ],
)
def test_a_url_that_is_none_of_ours_is_refused_as_wrong_usage(tidemill: Tidemill, url: str) -> None:
    done = tidemill("crawl", url, "--json").expect(2)
    assert_refused(done, tidemill)
    assert "canary-password" not in done.stderr.replace(url, "")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://2130706433:{port}/",
        "http://0.0.0.0:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
    ],
)
def test_a_private_address_is_refused_without_leave(tidemill: Tidemill, canary: socket.socket, url: str) -> None:
    done = tidemill("crawl", url.format(port=canary.getsockname()[1]), "--json").expect(1)
    assert_refused(done, tidemill)
    assert "allow_private" in done.stderr
    assert_not_called(canary)


@pytest.mark.parametrize("host", ["localhost", "localhost."])
def test_a_name_of_this_machine_is_refused_without_leave(tidemill: Tidemill, canary: socket.socket, host: str) -> None:
    done = tidemill("crawl", f"http://{host}:{canary.getsockname()[1]}/", "--json").expect(1)
    assert "--allow-private" in done.stderr
    assert_not_called(canary)


def test_a_refused_url_leaves_no_source(tidemill: Tidemill) -> None:
    tidemill("crawl", "http://169.254.169.254/latest/").expect(1)
    assert tidemill("sources", "list", "--json").expect(0).json == []


def assert_not_called(canary: socket.socket) -> None:
    canary.setblocking(False)
    with pytest.raises(BlockingIOError):
        canary.accept()


@pytest.fixture
def canary() -> Iterator[socket.socket]:
    """Somebody on this machine who listens and must never be called."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield listening


def assert_refused(done: Done, tidemill: Tidemill) -> None:
    """A sentence on stderr, nothing on stdout, nothing in the store."""
    assert done.stdout == b""
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    books = Books(tidemill.data_dir)
    assert not books.path.exists() or books.count("runs") == 0


def test_a_redirect_to_a_private_address_is_not_followed(site: Site, tidemill: Tidemill, canary: socket.socket) -> None:
    """The site itself is allowed by name; where it leads to is not."""
    target = f"http://127.0.0.1:{canary.getsockname()[1]}/"
    host = site.base_url.removeprefix("http://")
    moved = type(site.website.answer("/", site.base_url, {}))(302, {"Location": target})
    site.replaced["/about.html"] = moved
    allowed = tidemill.with_settings(f"net.allow_hosts={host}")
    source = tidemill.data_dir.parent / "s.yaml"
    other = target.removeprefix("http://").rstrip("/")
    source.write_text(
        f"name: s\nstart: ['{site.base_url}/about.html']\nhosts: ['{host}', '{other}']\nsitemaps: false\n"
    )
    allowed("sources", "apply", str(source)).expect(0)
    allowed("crawl", "s", "--json").expect(0)
    entries = {entry["url"]: (entry["outcome"], entry["reason"]) for entry in allowed.ledger()}
    assert entries == {
        f"{site.base_url}/about.html": ("redirected", "http_302"),
        target: ("skipped", "private_address"),
    }
    assert_not_called(canary)
    assert asked(site.hits)["/about.html"] == 1


@pytest.fixture
def mute() -> Iterator[str]:
    """A site that takes connections and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=128)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


@pytest.fixture
def nobody() -> str:
    """An address at which nobody listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
    return f"http://127.0.0.1:{port}/"


@pytest.fixture
def babble() -> Iterator[str]:
    """Something that is no web server: it greets and hangs up."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def greet() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@pytest.mark.parametrize("kind", ["mute", "nobody", "babble"])
def test_a_site_that_does_not_answer_ends_as_failed_in_bounded_time(
    tidemill: Tidemill, request: pytest.FixtureRequest, kind: str
) -> None:
    url = request.getfixturevalue(kind)
    quick = tidemill.with_settings("crawl.max_attempts=2")
    done = quick("crawl", url, "--allow-private", "--json", timeout_s=60).expect(0)
    assert done.json["status"] == "completed"
    assert done.json["outcomes"] == {"failed": 1}
    assert done.json["documents"] == 0
    assert done.seconds < 45
    (entry,) = quick.ledger()
    assert entry["url"] == url
    assert entry["reason"]
    assert url in done.stderr
    assert entry["reason"] in done.stderr
    assert "Traceback" not in done.stderr


def test_a_host_that_does_not_exist_ends_as_failed(tidemill: Tidemill) -> None:
    done = tidemill.with_settings("crawl.max_attempts=2")("crawl", "http://nobody.invalid/", "--json").expect(0)
    assert done.json["outcomes"] == {"failed": 1}
    assert "nobody.invalid" in done.stderr
