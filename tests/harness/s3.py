"""A real S3 server on loopback for tests: the one that comes in a wheel, or the one that `TIDEMILL_TEST_S3_URL` names
(`http://host:port/bucket`, with the keys as its user and password)."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store
from pydantic import SecretStr

from tidemill.settings import ArchiveSettings

ACCESS_KEY, SECRET_KEY = "tide", "mill-of-the-tests"  # pragma: allowlist secret
READER_KEY, READER_SECRET = "reader", "mill-of-the-reader"  # pragma: allowlist secret
BUCKET = "tidemill-tests"
_STARTS_S = 90.0
_PORTS = ("master.port", "volume.port", "filer.port", "s3.port")


@dataclass(frozen=True, slots=True)
class S3Server:
    """Where it is, and as whom to ask it."""

    endpoint: str
    access_key: str
    secret_key: str
    bucket: str
    is_ours: bool

    def place(self) -> str:
        """The URL of an archive that nobody else uses."""
        return f"s3://{self.bucket}/{uuid4()}"

    def settings(self, url: str, **changed: object) -> ArchiveSettings:
        """The settings of an archive there."""
        values = {
            "url": url,
            "endpoint": self.endpoint,
            "allow_http": True,
            "access_key": SecretStr(self.access_key),
            "secret_key": SecretStr(self.secret_key),
            "deadline_s": 30.0,
        }
        return ArchiveSettings.model_validate(values | changed)

    def options(self, url: str) -> dict[str, str]:
        """The same as settings by their dotted names."""
        return {
            "archive.url": url,
            "archive.endpoint": self.endpoint,
            "archive.allow_http": "true",
            "archive.access_key": self.access_key,
            "archive.secret_key": self.secret_key,
        }

    def store(self) -> S3Store:
        """The bucket, for a look at it that does not go through Tidemill."""
        key = {
            "access_key_id": self.access_key,
            "secret_access_key": self.secret_key,
            "token": None,
            "expires_at": None,
        }
        return S3Store(
            self.bucket,
            endpoint=self.endpoint,
            aws_endpoint_url_s3=self.endpoint,
            region="us-east-1",
            credential_provider=lambda: key,  # type: ignore[arg-type, return-value]
            client_options={"allow_http": True, "timeout": timedelta(seconds=5)},
            retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=5)},
        )

    def keys(self, url: str) -> dict[str, int]:
        """What lies below an archive's URL: names and sizes."""
        prefix = urlsplit(url).path.strip("/")
        return {each["path"][len(prefix) + 1 :]: each["size"] for each in obstore.list(self.store(), prefix).collect()}

    def path(self, url: str, name: str) -> str:
        """The key of an object of an archive."""
        return f"{urlsplit(url).path.strip('/')}/{name}"


def binary() -> str | None:
    """The server's executable, if it is installed."""
    beside = Path(sys.executable).parent / "weed"
    return str(beside) if beside.exists() else shutil.which("weed")


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """A server that is ready, until the block ends. Raises `FileNotFoundError` if there is none to start."""
    if given := os.environ.get("TIDEMILL_TEST_S3_URL"):
        url = urlsplit(given)
        endpoint = f"{url.scheme}://{url.hostname}:{url.port}"
        yield S3Server(endpoint, url.username or "", url.password or "", url.path.strip("/"), is_ours=False)
        return
    weed = binary()
    if weed is None:
        raise FileNotFoundError("weed")
    with ExitStack() as stack:
        log = stack.enter_context((folder / "log").open("wb"))
        ports = _free_ports(2 * len(_PORTS))
        process = subprocess.Popen(_command(weed, folder, ports), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        stack.callback(_end, process)
        server = S3Server(f"http://127.0.0.1:{ports[3]}", ACCESS_KEY, SECRET_KEY, BUCKET, is_ours=True)
        _wait(server, process, folder / "log")
        yield server


def _command(weed: str, folder: Path, ports: list[int]) -> list[str]:
    rights = ["Read", "List"]
    identities = [
        {
            "name": "tests",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        },
        {
            "name": "reader",
            "credentials": [{"accessKey": READER_KEY, "secretKey": READER_SECRET}],
            "actions": [f"{right}:{BUCKET}" for right in rights],
        },
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": identities}))
    (folder / "data").mkdir()
    listening = [f"-{name}={port}" for name, port in zip(_PORTS, ports[:4], strict=True)]
    listening += [f"-{name}.grpc={port}" for name, port in zip(_PORTS, ports[4:], strict=True)]
    return [
        *(weed, "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *listening),
        *("-filer", "-s3", f"-s3.config={folder / 's3.json'}", "-s3.iam=false", "-s3.autoCreateBucket=false"),
        *("-s3.port.iceberg=0", "-s3.port.lance=0", "-master.volumeSizeLimitMB=64", "-volume.max=0"),
    ]


def _free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _wait(server: S3Server, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until it keeps something: its parts find each other some seconds after it listens."""
    deadline = time.monotonic() + _STARTS_S
    store = server.store()
    while True:
        try:
            obstore.put(store, "", b"")  # the bucket itself
        except BaseError as error:
            last: Exception = error
        try:
            obstore.put(store, "ready", b"yes")
            return
        except BaseError as error:
            last = error
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"the S3 server did not start: {last}\n{log.read_text()[-3000:]}")
        time.sleep(0.2)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
