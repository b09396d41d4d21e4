"""The cluster's own keys: read once a minute, and what was had last serves when they cannot be read."""

from __future__ import annotations

import json
from typing import Any

from paceline.errors import Transient
from paceline.kube.issuer import OwnIssuer

CLUSTER = "https://kubernetes.default.svc"
KEYS = {"keys": [{"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB"}]}


class Server:
    """What of the client is used; None as an answer is a failure."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "/.well-known/openid-configuration": {"issuer": CLUSTER},
            "/openid/v1/jwks": KEYS,
        }
        self.asked = 0

    async def read(self, _: object, path: str, __: object, *, accept: str = "") -> Any:
        self.asked += 1
        if self.answers[path] is None:
            raise Transient("NetworkError", "gone")
        return self.answers[path]


async def test_keys_are_read_once_a_minute_and_outlive_failures() -> None:
    server, now = Server(), [0.0]
    issuer = OwnIssuer(server, lambda: now[0])  # type: ignore[arg-type]
    found = await issuer.keys()
    assert {address: json.loads(text) for address, text in found.items()} == {CLUSTER: KEYS}
    assert (await issuer.keys(), server.asked) == (found, 2)
    for path in list(server.answers):
        for wrong in (None, {}):
            now[0] += 61
            server.answers[path] = wrong
            assert await issuer.keys() == found
    assert server.asked > 2


async def test_a_server_that_tells_nothing_has_no_keys() -> None:
    server = Server()
    server.answers["/openid/v1/jwks"] = None
    assert await OwnIssuer(server, lambda: 0.0).keys() == {}  # type: ignore[arg-type]
