"""The keys that access tokens are signed with (Ed25519): made of the setting `auth.secret`, or kept in the data folder.

In: settings. Out: the key that signs, and those by which older tokens are still verified, each under its `kid`. A
rotated key goes on verifying as long as a token signed with it may live.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from tidemill.errors import Conflict, Permanent
from tidemill.models.ids import new_id
from tidemill.search.filelock import FileLock
from tidemill.settings import Settings

if TYPE_CHECKING:  # loaded with the first token
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_PURPOSE = b"tidemill access tokens\0"
_SLACK_S = 120


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key under the name that tokens give it. `replaced_at` is a Unix time, if another one signs since."""

    kid: str
    private: Ed25519PrivateKey = field(repr=False)
    replaced_at: float | None = None


class SigningKeys:
    """The keys of one process. The file is read again as soon as another process has changed it."""

    def __init__(self, settings: Settings) -> None:
        secret = settings.auth.secret
        self._configured = [] if secret is None else [secret, *settings.auth.old_secrets]
        self._path = settings.data_dir / "auth" / "signing-keys.json"
        self._keep_s = settings.auth.access_s + _SLACK_S
        self._seen: tuple[int, int, int] | None = None
        self._keys: list[SigningKey] = []

    def current(self) -> SigningKey:
        """The one that signs; made now if there is none. Raises `Permanent` (`signing_keys`)."""
        if not self._load():
            self._write([_new_record()], is_first=True)
            self._load()
        return self._keys[0]

    def find(self, kid: str) -> SigningKey | None:
        """The one of that name, unless it was replaced so long ago that no token of it can be good any more."""
        self._load()
        found = next((key for key in self._keys if key.kid == kid), None)
        is_over = found is not None and found.replaced_at is not None and not self._is_kept(found.replaced_at)
        return None if is_over else found

    def rotate(self) -> str:
        """Sign with a new key from now on; the name of it. Raises `Conflict` if the key is that of a setting."""
        if self._configured:
            raise Conflict(
                "the signing key is made of auth.secret: put a new one there, and the old one into auth.old_secrets",
                reason="signing_key_set",
            )
        lock = FileLock(self._path.with_suffix(".lock"))
        if not lock.acquire():
            raise Conflict("another process rotates the signing key just now; try again", reason="signing_key_busy")
        try:
            now, kept = time.time(), self._read() if self._path.exists() else []
            replaced = [each | {"replaced_at": each.get("replaced_at") or now} for each in kept]
            live = [each for each in replaced if self._is_kept(float(each["replaced_at"]))]
            made = _new_record()
            self._write([made, *live], is_first=False)
        finally:
            lock.release()
        self._load()
        return self._keys[0].kid

    def _is_kept(self, replaced_at: float) -> bool:
        """Whether a token that was signed just before may still live."""
        return time.time() - replaced_at < self._keep_s

    def _load(self) -> bool:
        """Have the keys as they are now; whether there are any."""
        if self._configured:
            self._keys = self._keys or [_key(_seed_of(each.get_secret_value())) for each in self._configured]
            return True
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return False
        seen = (found.st_mtime_ns, found.st_ino, found.st_size)
        if seen != self._seen:
            self._keys = [_key_of(each) for each in self._read()]
            self._seen = seen
        return True

    def _read(self) -> list[dict[str, str | float]]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))["keys"]
            if not found or not all(len(base64.b64decode(each["seed"])) == 32 for each in found):
                raise ValueError("no keys")
            for each in found[1:]:
                float(each["replaced_at"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Permanent(
                f"the signing keys in {self._path} cannot be read ({error}); correct its rights, or move it away:"
                " everybody has to log in again then",
                reason="signing_keys",
            ) from error
        return list(found)

    def _write(self, records: list[dict[str, str | float]], *, is_first: bool) -> None:
        temporary = self._path.with_name(f".{new_id()}.tmp")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({"keys": records}, file)
                file.flush()
                os.fsync(file.fileno())
            if is_first:
                _link(temporary, self._path)
            else:
                temporary.replace(self._path)
        except OSError as error:
            raise Permanent(
                f"the signing keys cannot be written to {self._path} ({error.strerror}); correct the rights of its"
                " folder, or set auth.secret",
                reason="signing_keys",
            ) from error
        finally:
            temporary.unlink(missing_ok=True)


def _link(source: Path, target: Path) -> None:
    """Give a file its name unless another process came first, whose key is as good."""
    try:
        os.link(source, target)
    except FileExistsError:
        return


def _new_record() -> dict[str, str | float]:
    return {"seed": base64.b64encode(os.urandom(32)).decode(), "made_at": time.time()}


def _seed_of(secret: str) -> bytes:
    return sha256(_PURPOSE + secret.encode()).digest()


def _key_of(record: Mapping[str, str | float]) -> SigningKey:
    replaced_at = record.get("replaced_at")
    key = _key(base64.b64decode(str(record["seed"])))
    return key if replaced_at is None else replace(key, replaced_at=float(replaced_at))


def _key(seed: bytes) -> SigningKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.from_private_bytes(seed)
    return SigningKey(sha256(private.public_key().public_bytes_raw()).hexdigest()[:16], private)
