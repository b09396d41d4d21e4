"""An issuer of tests: signs tokens, and says by which keys."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ISSUER = "https://id.example.com"
SUBJECT, AUDIENCE = "bot", "paceline"


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int) -> str:
    return _text(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class Signer:
    """A key of an issuer."""

    def __init__(self, kid: str = "k1") -> None:
        self.kid = kid
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def jwks(self) -> dict[str, Any]:
        numbers = self._key.public_key().public_numbers()
        key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.kid}
        return {"keys": [key | {"n": _number(numbers.n), "e": _number(numbers.e)}]}

    def token(self, algorithm: str = "RS256", **claims: Any) -> str:
        """A token that is right but for these claims; None leaves one out."""
        usual = {"iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "exp": int(time.time()) + 600}
        body = {name: value for name, value in (usual | claims).items() if value is not None}
        head = {"alg": algorithm, "typ": "JWT", "kid": self.kid}
        signed = ".".join(_text(json.dumps(part).encode()) for part in (head, body))
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{'' if algorithm == 'none' else _text(signature)}"
