"""What a server that gets copies is given: the same as one that answers, though nothing of the request is known."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import lua
from tests.support.lua import Seen

SERVER = {"path": "/openai/v1", "host": "api.example.com", "model": '"gpt-4o"', "usage": "Continuous"}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "m", "messages": [{"role": "user", "content": '"model":"x"'}], "stream": True},
    "/v1/completions": {"prompt": "x", "model": "m", "stream": True, "stream_options": {"include_usage": False}},
    "/v1/embeddings": {"input": ["a"], "model": "m"},
}


def answers(path: str, body: bytes, **server: Any) -> tuple[Seen, Seen]:
    """What becomes of a request and of its copy."""
    headers = {":path": path, ":method": "POST", "content-type": "application/json", ":authority": "gateway"}
    first = lua.request().run("envoy_on_request", dict(headers), body)
    context = SERVER | server
    attempt = lua.upstream().run(
        "envoy_on_request", dict(first.headers), first.body, context=context, dynamic=first.dynamic
    )
    return attempt, lua.copied().run("envoy_on_request", dict(first.headers), first.body, context=context)


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("usage", ["Silent", "Final", "Continuous"])
def test_a_copy_is_what_an_attempt_would_be(path: str, usage: str) -> None:
    attempt, copy = answers(f"{path}?a=b", json.dumps(BODIES[path]).encode(), usage=usage)
    assert (copy.body, copy.headers, copy.status) == (attempt.body, attempt.headers, None)
    assert json.loads(copy.body)["model"] == "gpt-4o"


def test_what_is_as_its_server_wants_it_is_not_copied_again() -> None:
    path = "/v1/embeddings"
    _, copy = answers(path, json.dumps(BODIES[path]).encode(), model='"m"')
    assert "content-length" not in copy.headers


@pytest.mark.parametrize("body", [b"{}", b'{"model":"m"}', b"["])
def test_what_cannot_be_read_goes_nowhere(body: bytes) -> None:
    seen = lua.copied().run("envoy_on_request", {":path": "/v1/embeddings"}, body, context=SERVER)
    assert seen.status == "500"
    assert seen.logged


def test_what_is_asked_elsewhere_goes_nowhere() -> None:
    seen = lua.copied().run("envoy_on_request", {":path": "/v1/models"}, b'{"model":"m"}', context=SERVER)
    assert (seen.status, seen.body) == ("500", b'{"model":"m"}')
