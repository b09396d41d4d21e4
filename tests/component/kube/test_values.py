"""What specs name in Secrets and ConfigMaps."""

from __future__ import annotations

import base64
from typing import Any

from paceline.errors import Stalled
from paceline.kube.resources import CONFIGMAPS, SECRETS, Key, Resource
from paceline.kube.values import KEPT_SECONDS, Values
from tests.support.worlds import Clock


class Answering:
    """Stands in for the client of the API server."""

    def __init__(self, objects: dict[str, Any]) -> None:
        self.objects = objects
        self.asked: list[str] = []
        self.metadata: dict[str, Any] = {}

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        self.asked.append(name)
        found = self.objects.get(name)
        if isinstance(found, Exception):
            raise found
        return None if found is None else {"metadata": self.metadata, "data": found}


def values(resource: Resource, **objects: Any) -> tuple[Values, Answering, Clock]:
    api, clock = Answering(objects), Clock()
    return Values(api, resource, clock), api, clock  # type: ignore[arg-type]


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


async def test_only_what_is_named_is_read() -> None:
    made, api, _ = values(CONFIGMAPS, prompts={"v1": "Be kind.", "v2": "Be brief."}, other={"x": "y"})
    assert await made.read([("ml", "prompts", "v1"), ("ml", "prompts", "v3"), ("ml", "gone", "x")]) == {
        ("ml", "prompts", "v1"): "Be kind."
    }
    assert api.asked == ["gone", "prompts"]


async def test_keys_are_read_without_the_line_end_of_an_editor() -> None:
    made, _, _ = values(SECRETS, key={"token": encoded(b"pl_abc\n")})
    assert await made.read([("ml", "key", "token")]) == {("ml", "key", "token"): "pl_abc"}


async def test_what_is_no_text_is_no_key() -> None:
    made, _, _ = values(SECRETS, key={"a": encoded(b"\xff\xfe"), "b": "***", "c": 7})
    found = await made.read([("ml", "key", name) for name in "abc"])
    assert set(found.values()) == {""}


async def test_what_may_not_be_read_is_as_if_it_were_not_there() -> None:
    made, _, _ = values(SECRETS, key=Stalled("ApplyRefused", "forbidden"))
    assert await made.read([("ml", "key", "token")]) == {}


async def test_a_change_is_noticed_after_a_while_or_when_somebody_tells() -> None:
    made, api, clock = values(SECRETS, key={"token": encoded(b"old")})
    await made.read([("ml", "key", "token")])
    api.objects["key"] = {"token": encoded(b"new")}
    assert await made.read([("ml", "key", "token")]) == {("ml", "key", "token"): "old"}
    clock.at += KEPT_SECONDS + 1
    assert await made.read([("ml", "key", "token")]) == {("ml", "key", "token"): "new"}
    api.objects["key"] = {"token": encoded(b"newer")}
    made.forget(Key("ml", "key"))
    assert await made.read([("ml", "key", "token")]) == {("ml", "key", "token"): "newer"}


async def test_no_key_is_ever_printed() -> None:
    made, _, _ = values(SECRETS, key={"token": encoded(b"pl_secret")})
    await made.read([("ml", "key", "token")])
    assert "pl_secret" not in repr(made)


async def test_whose_an_object_is_is_known_once_it_was_read() -> None:
    made, api, _ = values(SECRETS, key={"token": encoded(b"pl_abc")})
    assert made.owner(Key("ml", "key")) is None
    await made.read([("ml", "key", "token")])
    assert made.owner(Key("ml", "key")) == ""
    made.forget(Key("ml", "key"))
    api.metadata["ownerReferences"] = [{"uid": "a"}, {"uid": "b", "controller": True}]
    await made.read([("ml", "key", "token"), ("ml", "gone", "token")])
    assert made.owner(Key("ml", "key")) == "b"
    assert made.owner(Key("ml", "gone")) is None
