"""What the head of an HTTP request says of its sender: an API key, a user name with its password, or a signature.

Signatures follow Standard Webhooks (https://www.standardwebhooks.com, version 1): ``webhook-id``,
``webhook-timestamp`` in seconds, ``webhook-signature`` with ``v1,`` and the base64 of HMAC-SHA256 over
``id.timestamp.body``; several signatures are separated by blanks. The scheme signs neither method nor address, so it is
taken only for requests that have a body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from contracts.errors import AccessDenied
from gateway.spi import ApiKey, Password, Signed

MOST_BYTES = 4096
"""Length of a credential in a header; a longer one is wrong without being looked at."""
MOST_SIGNATURES = 5
SECRET_PREFIX = "whsec_"  # noqa: S105 # the scheme's mark of a secret, not one
SECRET_BYTES = range(24, 65)
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
SPENT = ("authorization", "x-api-key", ID, TIMESTAMP, SIGNATURE)
"""Headers that no adapter needs once the caller is known, so none can leak them."""


def of_head(headers: Mapping[str, str]) -> ApiKey | Password | None:
    """The credential of the headers; None where there is none, or only a signature, which takes the body to read.

    Raises AccessDenied for credentials in two places, and for what cannot be read as one.
    """
    authorization, key = headers.get("authorization"), headers.get("x-api-key")
    if SIGNATURE in headers and (authorization is not None or key is not None):
        raise AccessDenied("credentials in two places")
    if authorization is None:
        return None if key is None else ApiKey(_bounded(key))
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "basic" and key is None:
        return _basic(_bounded(rest))
    if key is not None and key != rest:
        raise AccessDenied("credentials in two places")
    if scheme.lower() != "bearer":
        raise AccessDenied("the scheme of Authorization is neither Bearer nor Basic")
    return ApiKey(_bounded(rest))


def _bounded(text: str) -> bytes:
    if len(text) > MOST_BYTES:
        raise AccessDenied("a credential that is too long")
    return text.encode("latin-1")


def _basic(encoded: bytes) -> Password:
    """RFC 7617: base64 of ``user:password``, in UTF-8."""
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).partition(b":")
        if not colon:
            raise AccessDenied("Basic without a colon")
        return Password(user.decode("ascii"), password)
    except (binascii.Error, UnicodeDecodeError):
        raise AccessDenied("Basic that is not base64 of an ASCII name and a password") from None


def of_signature(headers: Mapping[str, str], body: bytes) -> Signed:
    """The signature of the headers over this body; raises AccessDenied where it cannot be one."""
    message_id, timestamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    sent = headers[SIGNATURE].split(" ")
    if not message_id or len(message_id) > MOST_BYTES or not (timestamp.isascii() and timestamp.isdigit()):
        raise AccessDenied("a signature without a readable id and time")
    if len(timestamp) > 12 or len(sent) > MOST_SIGNATURES:
        raise AccessDenied("a signature with a time out of reach, or too many signatures")
    signed = b"%b.%b.%b" % (message_id.encode("latin-1"), timestamp.encode(), body)
    nonce = hashlib.sha256(signed[: len(signed) - len(body)]).digest()
    return Signed(float(timestamp), nonce, lambda secret: _holds(secret, signed, sent))


def _holds(secret: bytes, signed: bytes, sent: list[str]) -> bool:
    expected = signature(secret, signed).encode()
    same = [hmac.compare_digest(expected, one.encode("latin-1")) for one in sent]
    return any(same)


def signature(secret: bytes, signed: bytes) -> str:
    """``v1,`` and the signature of ``id.timestamp.body`` under a secret as it lies in its file or variable."""
    return "v1," + base64.b64encode(hmac.digest(signing_key(secret), signed, "sha256")).decode()


def signing_key(secret: bytes) -> bytes:
    """The key of a secret: what is behind ``whsec_``, decoded; any other secret is the key itself.

    Raises ValueError for one that is too short to be safe, or behind ``whsec_`` no base64 of 24 to 64 bytes.
    """
    if not secret.startswith(SECRET_PREFIX.encode()):
        if len(secret) < SECRET_BYTES.start:
            raise ValueError(f"is shorter than {SECRET_BYTES.start} bytes")
        return secret
    try:
        key = base64.b64decode(secret[len(SECRET_PREFIX) :], validate=True)
    except binascii.Error:
        key = b""
    if len(key) not in SECRET_BYTES:
        raise ValueError(f"must be {SECRET_PREFIX} and base64 of {SECRET_BYTES.start} to {SECRET_BYTES.stop - 1} bytes")
    return key
