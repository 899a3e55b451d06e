"""Certificate files for TLS: whether they can be used, until when, and the context that serves with them.

Needed by the server and by `doctor`; Python's own ssl does all of it.
"""

import os
import ssl
import stat
from datetime import UTC, datetime
from pathlib import Path

from ..strategies.errors import InputError

EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED
_OTHERS = stat.S_IRWXO | stat.S_IWGRP


class Certificate:
    """A certificate and its key in files. `context` serves with them, and with newer ones once they were renewed."""

    def __init__(self, cert: Path, key: Path) -> None:
        """Read both. Raises InputError for a file that cannot be used."""
        self._cert, self._key = cert, key
        self._seen = self._marks()
        self.context = server_context(cert, key)

    def renew(self) -> bool:
        """Read the files again where they have changed since: True then. Raises InputError, once for each change, for
        files that cannot be used; those from before stay."""
        marks = self._marks()
        if marks == self._seen:
            return False
        self._seen = marks
        server_context(self._cert, self._key)  # a pair that does not fit must not touch the context that serves
        self.context.load_cert_chain(self._cert, self._key)
        return True

    def _marks(self) -> tuple[tuple[int, int, int] | None, ...]:
        """What changes when a file is written or replaced; None: it is not there."""
        return tuple(_mark(path) for path in (self._cert, self._key))


def server_context(cert: Path, key: Path) -> ssl.SSLContext:
    """A context that serves with these files. Raises InputError, which names the file that is wrong."""
    _check_can_be_read(cert, "tls_cert")
    _check_can_be_read(key, "tls_key")
    _check_is_private(key)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=cert)
    except ssl.SSLError:
        allowed = "allowed: a certificate in PEM, those of its issuers after it"
        raise _wrong("tls_cert", cert, "holds no certificate", allowed, "see: openssl x509 -in FILE -text") from None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    asked: list[bool] = []

    def passphrase() -> str:  # else OpenSSL asks for it at the terminal
        asked.append(True)
        return ""

    try:
        context.load_cert_chain(cert, key, passphrase)
    except ssl.SSLError as error:
        raise _unusable_key(cert, key, error, is_encrypted=bool(asked)) from None
    return context


def ends_at(cert: Path, key: Path) -> datetime | None:
    """When the certificate ends; None for one that has ended, or has not begun. Raises InputError.

    It is read from a handshake in memory, because Python offers no other way to decode a certificate.
    """
    served = server_context(cert, key)
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asking.check_hostname = False
    asking.load_verify_locations(cafile=cert)
    asking.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the certificate itself is what is trusted here
    here, there = ssl.MemoryBIO(), ssl.MemoryBIO()
    server, client = served.wrap_bio(here, there, server_side=True), asking.wrap_bio(there, here)
    try:
        for side in (client, server, client):
            _shake(side)
        certificate = client.getpeercert() or {}
    except ssl.SSLCertVerificationError:
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)


def _shake(side: ssl.SSLObject) -> None:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _check_can_be_read(path: Path, key: str) -> None:
    try:
        with path.open("rb"):
            return
    except OSError as error:
        allowed = "allowed: a file in PEM that the service's user can read"
        raise _wrong(key, path, f"cannot be read: {error.strerror}", allowed, "check the path and its owner") from None


def _check_is_private(key: Path) -> None:
    mode = key.stat().st_mode
    if mode & _OTHERS:
        found = f"has the permissions {stat.filemode(mode)}, so that others than its owner can use or replace it"
        raise _wrong("tls_key", key, found, "allowed: 0600, or 0640 for a group that reads it", f"chmod 0600 {key}")


def _unusable_key(cert: Path, key: Path, error: ssl.SSLError, *, is_encrypted: bool) -> InputError:
    if is_encrypted:
        remedy = f"openssl pkey -in {key} -out KEY.pem, then chmod 0600 KEY.pem"
        return _wrong("tls_key", key, "is encrypted", "allowed: a key without a passphrase", remedy)
    if error.reason == "KEY_VALUES_MISMATCH":
        return _wrong("tls_key", key, f"is not the key of {cert}", "allowed: the two of one request", "name that pair")
    if error.reason is not None and error.reason.endswith("_TOO_SMALL"):
        return _wrong(
            "tls_cert", cert, "has a key that is too short", "allowed: RSA of 2048 bits, EC of 256", "renew it"
        )
    return _wrong("tls_key", key, "holds no private key", "allowed: a key in PEM", "see: openssl pkey -in FILE -check")


def _wrong(name: str, path: Path, found: str, allowed: str, remedy: str) -> InputError:
    return InputError(f"[api] {name}: {os.fspath(path)} {found}", allowed, remedy)
