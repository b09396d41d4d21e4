"""Of what an issuer says only public keys are taken, from where they may be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from paceline.gateway.jwks import MOST_KEYS, keys_address, public_keys

RSA = {"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB"}
EC = {"kty": "EC", "kid": "b", "crv": "P-256", "x": "AA", "y": "AA"}
ISSUER = "https://id.example.com"


def test_equal_sets_are_equal_texts_without_private_halves_and_strange_fields():
    private = RSA | {"d": "secret", "p": "secret", "x5c": ["AA"], "alg": 7}
    found = public_keys(json.dumps({"keys": [EC, private]}).encode())
    assert json.loads(found) == {"keys": [EC, RSA]}
    assert found == public_keys(json.dumps({"keys": [RSA, EC], "more": 1}))


def test_keys_that_are_no_signers_or_shared_are_left_out():
    others = [RSA | {"use": "enc"}, {"kty": "oct", "k": "secret"}, {"kid": "none"}, "text"]
    assert json.loads(public_keys(json.dumps({"keys": [*others, RSA | {"use": "sig"}]})))["keys"] == [
        RSA | {"use": "sig"}
    ]
    with pytest.raises(ValueError, match="has no key of kind RSA, EC, OKP"):
        public_keys(json.dumps({"keys": others}))


@pytest.mark.parametrize("document", [{}, {"keys": {}}, {"keys": [RSA] * (MOST_KEYS + 1)}])
def test_what_is_no_set_is_refused(document: Any):
    with pytest.raises(ValueError, match="is no set of at most 100 keys"):
        public_keys(json.dumps(document))


@pytest.mark.parametrize(("text", "words"), [(b"secret", "is no JSON$"), (b"[]", "is no JSON object"), (b"\xff", "is")])
def test_what_is_no_json_is_refused(text: bytes, words: str):
    with pytest.raises(ValueError, match=words):
        public_keys(text)


def test_a_document_says_where_keys_are():
    text = json.dumps({"issuer": ISSUER, "jwks_uri": "https://keys.example.com/k?v=1"}).encode()
    assert keys_address(text, ISSUER, ("keys.example.com",)) == "https://keys.example.com/k?v=1"
    with pytest.raises(ValueError, match=r"host keys.example.com, which is not allowed; allowed are: id.example.com"):
        keys_address(text, ISSUER, ("id.example.com",))


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"issuer": "https://evil.example.com", "jwks_uri": "https://id.example.com"}, "is of another issuer"),
        ({"issuer": ISSUER}, "has no jwks_uri"),
        ({"issuer": ISSUER, "jwks_uri": "http://id.example.com/k"}, "no https address"),
        ({"issuer": ISSUER, "jwks_uri": "https://id.example.com@10.0.0.1/k"}, "no https address"),
        ({"issuer": ISSUER, "jwks_uri": "https://10.0.0.1/k"}, "10.0.0.1, which is not allowed"),
        ({"issuer": ISSUER, "jwks_uri": "https:///k"}, "which is not allowed"),
    ],
)
def test_a_document_that_leads_elsewhere_is_refused(document: dict[str, str], words: str):
    with pytest.raises(ValueError, match=words):
        keys_address(json.dumps(document).encode(), ISSUER, ("*.example.com",))
