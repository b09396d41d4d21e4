"""What each server gets its own way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import lua
from tests.support.lua import Seen

CHAT = "/v1/chat/completions"
BASE = {"model": "m", "messages": []}
SERVER = {"path": "/openai/v1", "host": "api.example.com", "model": '"gpt-4o"', "usage": "Final"}


def send(body: Any, server: dict[str, Any] | None = None, path: str = CHAT) -> Seen:
    """Through both scripts, as a request goes."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {":path": path, ":method": "POST", "content-type": "application/json", ":authority": "gateway"}
    first = lua.request().run("envoy_on_request", headers, text)
    assert first.status is None, first
    return lua.upstream().run(
        "envoy_on_request", first.headers, first.body, context=SERVER | (server or {}), dynamic=first.dynamic
    )


def send_once(text: bytes, usage: str) -> Seen:
    """Through the first script alone, which makes the request ready where all servers want it alike."""
    headers = {":path": CHAT, ":method": "POST", "content-type": "application/json"}
    seen = lua.request().run("envoy_on_request", headers, text, route={"model": '"gpt-4o"', "usage": usage})
    assert "paceline.places" not in seen.dynamic
    return seen


def test_model_path_and_host_are_the_server_s_own() -> None:
    seen = send({"x": 'the "model":"m"', **BASE, "y": {"model": "m"}}, path=f"{CHAT}?api_key=secret")
    assert json.loads(seen.body) == {"x": 'the "model":"m"', "model": "gpt-4o", "messages": [], "y": {"model": "m"}}
    assert (seen.headers[":path"], seen.headers[":authority"]) == ("/openai/v1/chat/completions", "api.example.com")
    assert int(seen.headers["content-length"]) == len(seen.body)


def test_a_second_attempt_does_not_see_what_the_first_did() -> None:
    text = json.dumps(BASE).encode()
    headers = {":path": CHAT, ":method": "POST", "content-type": "application/json"}
    first = lua.request().run("envoy_on_request", headers, text)
    for server in ({"path": "/a/b"}, {"path": "/v1", "model": '"other"'}):
        context = SERVER | server
        seen = lua.upstream().run("envoy_on_request", first.headers, first.body, context=context, dynamic=first.dynamic)
        first.headers = seen.headers
        assert seen.headers[":path"] == f"{server['path']}/chat/completions"
        assert json.dumps(json.loads(seen.body)["model"]) == context["model"]


def test_a_body_that_says_it_already_is_not_copied() -> None:
    seen = send(BASE, {"model": '"m"'})
    assert "content-length" not in seen.headers
    assert send(b'{"model":"\\u006d","messages":[]}', {"model": '"m"'}).body == b'{"model":"m","messages":[]}'


FINAL, CONTINUOUS = {"include_usage": True}, {"include_usage": True, "continuous_usage_stats": True}


@pytest.mark.parametrize(
    ("sent", "usage", "wanted"),
    [
        (None, "Final", FINAL),
        (None, "Continuous", CONTINUOUS),
        ({}, "Final", FINAL),
        ({}, "Continuous", CONTINUOUS),
        ({"include_usage": False}, "Final", FINAL),
        ({"include_usage": None, "other": [1]}, "Continuous", CONTINUOUS | {"other": [1]}),
        ({"continuous_usage_stats": False, "include_usage": True}, "Continuous", CONTINUOUS),
        ({"include_usage": False}, "Silent", {"include_usage": False}),
        ("null", "Final", FINAL),
        ("null", "Silent", None),
    ],
)
def test_streams_are_asked_for_usage_as_the_server_takes_it(sent: Any, usage: str, wanted: Any) -> None:
    options = {} if sent is None else {"stream_options": None if sent == "null" else sent}
    for members in (BASE | {"stream": True} | options, options | {"stream": True} | BASE):
        for indent in (None, 1):
            text = json.dumps(members, indent=indent).encode()
            for seen in (send(text, {"usage": usage}), send_once(text, usage)):
                assert json.loads(seen.body) == members | {"model": "gpt-4o", "stream_options": wanted}
                assert int(seen.headers["content-length"]) == len(seen.body)


def test_answers_that_are_no_streams_are_not_asked_for_anything() -> None:
    for members in (BASE, BASE | {"stream": False}, BASE | {"stream": None}):
        for seen in (send(members), send_once(json.dumps(members).encode(), "Final")):
            assert json.loads(seen.body) == members | {"model": "gpt-4o"}


def test_a_request_that_was_never_read_goes_nowhere() -> None:
    seen = lua.upstream().run("envoy_on_request", {":path": CHAT}, b"{}", context=SERVER)
    assert seen.status == "500"
    assert "index" in seen.logged
