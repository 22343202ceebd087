"""New credentials: made here and shown once, or taken from where they lie. What is returned to keep holds no secret."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path
from typing import NamedTuple

from contracts.errors import SetupError
from gateway.access import passwords
from gateway.access.entries import Credential, Kind
from gateway.access.evidence import SECRET_PREFIX, signing_key
from gateway.access.principals import new_key
from gateway.private import owner_only
from gateway.secret import is_reference, read_secret, read_text

SHORTEST_PASSWORD = 12
"""Characters of a password somebody else chose."""


class Issued(NamedTuple):
    """A credential to keep, and the secret to show once; '' where the caller has it already."""

    credential: Credential
    shown: str


def issue(kind: Kind, name: str, *, secret: str = "", user: str = "", certificate: Path | None = None) -> Issued:
    """A credential for the caller ``name``. ``secret`` is a reference, ``certificate`` a PEM file.

    Without a reference a password is made; a signing secret needs one, and is made where its file is not there yet.
    Raises SetupError with one line for what is missing or too weak.
    """
    if kind != "certificate" and certificate is not None:
        raise SetupError(f"--certificate goes with --kind certificate, not with {kind}")
    if kind in ("api_key", "certificate") and (secret or user):
        raise SetupError(f"--secret and --user do not go with --kind {kind}")
    if kind == "api_key":
        key, credential = new_key()
        return Issued(credential, key)
    if kind == "password":
        return _password(secret, user or name)
    if kind == "signature":
        return _signature(secret, user or name)
    if certificate is None:
        raise SetupError("name the caller's certificate: --certificate FILE, in PEM")
    return Issued(Credential("certificate", _fingerprint(certificate)), "")


def _password(reference: str, user: str) -> Issued:
    password = read_text(reference, "password") if reference else passwords.make()
    if len(password) < SHORTEST_PASSWORD or len(password.encode()) > passwords.LONGEST:
        raise SetupError(f"the password must have {SHORTEST_PASSWORD} characters or more; without --secret one is made")
    credential = Credential("password", passwords.hashed(password.encode()), user)
    return Issued(credential, "" if reference else password)


def _signature(reference: str, user: str) -> Issued:
    if not is_reference(reference):
        raise SetupError("say where the signing secret lies: --secret env:NAME, or file:PATH, which may be a new file")
    scheme, _, place = reference.partition(":")
    if scheme == "file":
        reference = f"file:{Path(place).resolve()}"
        if not Path(place).exists():
            return Issued(Credential("signature", reference, user), _make_secret(Path(place)))
    try:
        signing_key(read_secret(reference, "signing secret").strip())
    except ValueError as exc:
        raise SetupError(f"the secret behind {reference} {exc}") from None
    return Issued(Credential("signature", reference, user), "")


def _make_secret(path: Path) -> str:
    """A new signing secret in a file only its owner can read."""
    made = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    try:
        with open(path, "x", encoding="utf-8", opener=owner_only) as file:
            file.write(made + "\n")
    except OSError as exc:
        raise SetupError(f"cannot write {path}: {exc.strerror}; name another place") from exc
    return made


def _fingerprint(path: Path) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        return x509.load_pem_x509_certificate(path.read_bytes()).fingerprint(SHA256()).hex()
    except OSError as exc:
        raise SetupError(f"cannot read {path}: {exc.strerror}") from exc
    except ValueError as exc:
        raise SetupError(f"{path} holds no certificate in PEM") from exc
