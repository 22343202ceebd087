"""Reading credentials: what each header means, the vector of Standard Webhooks, and what is kept of a password."""

from __future__ import annotations

import base64

import pytest
from access_parts import PASSWORD, SECRET, basic, quick

from contracts.errors import AccessDenied
from gateway.access import passwords
from gateway.access.evidence import MOST_BYTES, of_head, of_signature, signing_key
from gateway.spi import ApiKey, Password

VECTOR = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
BODY = b'{"test": 2432232314}'


def test_the_vector_of_standard_webhooks_holds() -> None:
    found = of_signature(VECTOR, BODY)
    assert found.at == 1614265330
    assert found.holds(SECRET.encode())
    assert not found.holds(b"whsec_" + base64.b64encode(b"x" * 24))
    assert not of_signature(VECTOR, BODY + b" ").holds(SECRET.encode())


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp"])
def test_id_and_time_are_signed_too(name: str) -> None:
    assert not of_signature(VECTOR | {name: "1614265331"}, BODY).holds(SECRET.encode())


def test_one_right_signature_of_several_is_enough() -> None:
    several = VECTOR | {"webhook-signature": "v1a,xyz v1,AAAA " + VECTOR["webhook-signature"]}
    assert of_signature(several, BODY).holds(SECRET.encode())


def test_the_same_id_at_another_time_is_another_proof() -> None:
    again = of_signature(VECTOR | {"webhook-timestamp": "1614265999"}, BODY)
    assert again.nonce != of_signature(VECTOR, BODY).nonce


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "-5"},
        {"webhook-timestamp": "1e9"},
        {"webhook-timestamp": "١٢"},
        {"webhook-timestamp": "9" * 13},
        {"webhook-id": ""},
        {"webhook-id": "x" * 5000},
        {"webhook-signature": "v1,a " * 50},
    ],
)
def test_what_cannot_be_a_signature_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(AccessDenied):
        of_signature(VECTOR | change, BODY)


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, None),
        ({"webhook-signature": "v1,x"}, None),
        ({"authorization": "Bearer k"}, ApiKey(b"k")),
        ({"authorization": "bearer k"}, ApiKey(b"k")),
        ({"x-api-key": "k"}, ApiKey(b"k")),
        ({"x-api-key": "k", "authorization": "Bearer k"}, ApiKey(b"k")),
        ({"x-api-key": "é"}, ApiKey(b"\xe9")),
        ({"authorization": basic("erp", "a:b")}, Password("erp", b"a:b")),
        ({"authorization": basic("erp", "é")}, Password("erp", "é".encode())),
        ({"authorization": basic("", "")}, Password("", b"")),
    ],
)
def test_each_header_means_one_credential(headers: dict[str, str], found: object) -> None:
    assert of_head(headers) == found


@pytest.mark.parametrize(
    ("headers", "cause"),
    [
        ({"x-api-key": "a", "authorization": "Bearer b"}, "two places"),
        ({"x-api-key": "a", "authorization": basic("erp", "p")}, "two places"),
        ({"webhook-signature": "v1,x", "authorization": "Bearer b"}, "two places"),
        ({"webhook-signature": "v1,x", "x-api-key": "b"}, "two places"),
        ({"authorization": "Digest x"}, "neither Bearer nor Basic"),
        ({"authorization": ""}, "neither Bearer nor Basic"),
        ({"authorization": "Basic !"}, "base64"),
        ({"authorization": "Basic YQ"}, "base64"),
        ({"authorization": "Basic " + base64.b64encode(b"nocolon").decode()}, "colon"),
        ({"authorization": "Basic " + base64.b64encode("ü:p".encode()).decode()}, "base64"),
        ({"authorization": "Bearer " + "k" * (MOST_BYTES + 1)}, "too long"),
        ({"authorization": "Basic " + "k" * (MOST_BYTES + 1)}, "too long"),
        ({"x-api-key": "k" * (MOST_BYTES + 1)}, "too long"),
    ],
)
def test_what_cannot_be_read_is_one_refusal(headers: dict[str, str], cause: str) -> None:
    with pytest.raises(AccessDenied, match="check the credentials") as caught:
        of_head(headers)
    assert cause in caught.value.cause
    assert not caught.value.known


@pytest.mark.parametrize("secret", [b"", b"short", b"whsec_", b"whsec_!!!", b"whsec_" + base64.b64encode(b"x" * 23)])
def test_a_weak_signing_secret_is_not_taken(secret: bytes) -> None:
    with pytest.raises(ValueError, match="bytes"):
        signing_key(secret)


def test_a_password_is_known_by_its_hash_alone() -> None:
    kept = quick(PASSWORD)
    assert PASSWORD not in kept
    assert passwords.verify(PASSWORD.encode(), passwords.parse(kept))
    assert not passwords.verify(PASSWORD.encode() + b" ", passwords.parse(kept))
    assert quick(PASSWORD) != kept


def test_the_hash_is_the_scrypt_of_rfc_7914() -> None:
    """Section 12, third vector: password ``pleaseletmein``, salt ``SodiumChloride``, N 16384, r 8, p 1."""
    digest = bytes.fromhex(
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
        "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
    )
    assert passwords.verify(b"pleaseletmein", passwords.Hash(14, 8, 1, b"SodiumChloride", digest))


def test_new_passwords_are_as_slow_as_they_say() -> None:
    found = passwords.parse(passwords.hashed(b"x"))
    assert (found.ln, found.r, found.p, len(found.salt)) == (14, 8, 5, 16)
    assert len(passwords.make()) == 32


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "secret",
        "$scrypt$ln=30,r=8,p=1$" + "a" * 22 + "$" + "a" * 43,
        "$scrypt$ln=14,r=0,p=1$" + "a" * 22 + "$" + "a" * 43,
        "$scrypt$ln=14,r=8,p=999$" + "a" * 22 + "$" + "a" * 43,
        "$scrypt$ln=9,r=8,p=1$" + "a" * 22 + "$" + "a" * 43,
    ],
)
def test_a_hash_that_is_none_or_would_take_too_much_is_a_fault(kept: str) -> None:
    assert passwords.fault(kept)


def test_an_endless_password_is_wrong() -> None:
    long = "p" * (passwords.LONGEST + 1)
    assert not passwords.verify(long.encode(), passwords.parse(quick(long)))
