"""An authority of the tests' own and a certificate of it for this machine, made by openssl."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.harness.chromium import require

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True, slots=True)
class Certified:
    """Files: the authority's certificate, one that it gave for 127.0.0.1 (and no name), and the latter's key."""

    authority: Path
    certificate: Path
    key: Path


def certified(folder: Path) -> Certified:
    """A new authority and a new certificate of it."""
    require("openssl", shutil.which("openssl") is not None, "install the package openssl")
    made = Certified(folder / "authority.crt", folder / "server.crt", folder / "server.key")
    authority_key, request, names = folder / "authority.key", folder / "server.csr", folder / "names"
    names.write_text("subjectAltName=IP:127.0.0.1\n")
    subject = ("-subj", "/CN=authority of the tests", "-days", "2")
    _openssl("req", "-x509", *_NEW_KEY, *subject, "-keyout", authority_key, "-out", made.authority)
    _openssl("req", *_NEW_KEY, "-subj", "/CN=server", "-keyout", made.key, "-out", request)
    by = ("-CA", made.authority, "-CAkey", authority_key, "-CAcreateserial", "-days", "2", "-extfile", names)
    _openssl("x509", "-req", "-in", request, *by, "-out", made.certificate)
    return made


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)
