"""Whether a broker could not be reached because of TLS, which waiting does not mend.

In: what a client raised, whatever it wrapped around the cause. Out: what is wrong, or nothing. Called by the brokers.
"""

from __future__ import annotations

import ssl

from tidemill.errors import Permanent

_NO_TLS_THERE = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
_MOST_CAUSES = 10


def tls_fault(error: BaseException, shown: str) -> Permanent | None:
    """The error to raise if a certificate was not to be trusted, a file of ours is missing, or there is no TLS."""
    cause: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if cause is None:
            return None
        if (why := _why(cause)) is not None:
            return Permanent(f"queue.url: no TLS connection to {shown}: {why}", reason="queue_tls")
        cause = cause.__cause__ or cause.__context__
    return None


def _why(error: BaseException) -> str | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{error.verify_message}; name the authority that vouches for it in the URL (ssl_ca_certs, cafile)"
    if isinstance(error, ssl.SSLError) and error.reason in _NO_TLS_THERE:
        return "nobody speaks TLS at that port; correct the port, or begin the URL with redis: or amqp:"
    if isinstance(error, ssl.SSLError) and error.reason in ("NO_CERTIFICATE_OR_CRL_FOUND", "NO_START_LINE"):
        return "the file named in the URL holds no certificate"
    if isinstance(error, FileNotFoundError | PermissionError):
        return f"cannot read the file of certificates that the URL names ({error.strerror})"
    return None
