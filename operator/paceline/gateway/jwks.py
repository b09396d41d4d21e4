"""Keys of who signs tokens: JSON Web Key Sets (RFC 7517), and the documents that say where they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from paceline.gateway.allowed import allows, listed

#: A set with more is none that a proxy should search for every token.
MOST_KEYS = 100
#: Kinds of keys of which one half is public. A symmetric one would let in everybody who reads it.
_KINDS = ("RSA", "EC", "OKP")
#: What verifying needs: halves that are private are left behind.
_PUBLIC = ("kty", "kid", "alg", "use", "crv", "n", "e", "x", "y")


def public_keys(text: bytes | str) -> str:
    """The keys of a set by which tokens can be verified, in one order, so that equal sets are equal texts.

    Raises:
        ValueError: it is none, or has no such key. Nothing of its content is in the message.
    """
    keys = _object(text).get("keys")
    if not isinstance(keys, list) or len(keys) > MOST_KEYS:
        raise ValueError(f"is no set of at most {MOST_KEYS} keys")
    found = [_public(each) for each in keys if isinstance(each, dict) and each.get("kty") in _KINDS]
    kept = [each for each in found if each.get("use", "sig") == "sig"]
    if not kept:
        raise ValueError(f"has no key of kind {', '.join(_KINDS)} for signatures")
    return json.dumps({"keys": sorted(kept, key=lambda each: json.dumps(each, sort_keys=True))}, sort_keys=True)


def keys_address(text: bytes, issuer: str, hosts: tuple[str, ...]) -> str:
    """Where an issuer's discovery document says that its keys are.

    Args:
        text: The document.
        issuer: Whose it must be.
        hosts: Where keys may be.

    Raises:
        ValueError: it is none, is somebody else's, or names a place that is not allowed.
    """
    document = _object(text)
    if document.get("issuer") != issuer:
        raise ValueError("is of another issuer")
    found = document.get("jwks_uri")
    if not isinstance(found, str):
        raise ValueError("has no jwks_uri")
    address = urlsplit(found)
    if address.scheme != "https" or "@" in address.netloc:
        raise ValueError("has a jwks_uri that is no https address")
    if not allows(hosts, address.hostname or ""):
        raise ValueError(f"has its keys at host {address.hostname}, which is not allowed; allowed are: {listed(hosts)}")
    return found


def _object(text: bytes | str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("is no JSON") from None
    if not isinstance(found, dict):
        raise ValueError("is no JSON object")
    return found


def _public(key: Mapping[str, Any]) -> dict[str, str]:
    return {name: key[name] for name in _PUBLIC if isinstance(key.get(name), str)}
