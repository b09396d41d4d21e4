"""What the request's script does to headers, body and metadata."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.api.question import parse
from tests.support import lua
from tests.support.lua import Seen

CHAT, COMPLETIONS, EMBEDDINGS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
BASE = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
MESSAGE = {"role": "system", "content": 'Be "kind"\n'}
ROUTE = {"bound": 100, "messages": json.dumps(MESSAGE), "prompt": json.dumps("Be kind. ")[1:-1]}


def ask(
    body: Any,
    path: str = CHAT,
    route: dict[str, Any] | None = None,
    host: dict[str, Any] | None = None,
    **headers: str,
) -> Seen:
    sent = {":path": path, ":method": "POST", "content-type": "application/json", "x-pl-client": "external.ab12.ns.me"}
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return lua.request().run("envoy_on_request", sent, text, route=route or {}, host=host or {})


def test_headers_steer_what_comes_next_and_metadata_remembers() -> None:
    seen = ask(BASE | {"max_tokens": 50, "n": 2, "stream": True})
    assert seen.status is None
    assert seen.headers["x-pl-model"] == "m"
    assert seen.headers["x-pl-policy"] == "external.ab12"
    assert int(seen.headers["x-pl-tokens"]) == 9 + 2 * 50
    assert json.loads(seen.dynamic["paceline"]["request"]) == {
        "client": "external.ab12.ns.me",
        "model": "m",
        "operation": "chat",
        "stream": True,
        "bound": 50,
        "n": 2,
        "prompt_bytes": 35,
        "media": 0,
        "prompts": 1,
        "body_bytes": len(json.dumps(BASE | {"max_tokens": 50, "n": 2, "stream": True})),
    }
    assert "x-pl-request" not in seen.headers


@pytest.mark.parametrize(
    ("path", "prompt", "bound", "operation"),
    [
        (CHAT, "messages", "100", "chat"),
        (COMPLETIONS, "prompt", "100", "text_completion"),
        (EMBEDDINGS, "input", None, "embeddings"),
    ],
)
def test_spans_are_told_what_was_asked_where_there_are_spans(
    path: str, prompt: str, bound: Any, operation: str
) -> None:
    sent = {":path": path, ":method": "POST", "content-type": "application/json", "x-pl-client": "external.ab12.ns.me"}
    body = json.dumps({"model": "m", prompt: [], "n": 2}).encode()
    for context in ({}, {"span": "s"}):
        seen = lua.request().run("envoy_on_request", dict(sent), body, route={"bound": 100}, context=context)
        wanted = {"operation": operation, "model": "m", "client": "external.ab12.ns.me", "choices": "2"}
        wanted |= {"max_tokens": bound} if bound else {}
        assert seen.dynamic.get("s") == (wanted if context else None)


def test_who_is_asked_for_admission_is_told_all_that_was_read_and_nobody_else() -> None:
    body = {"model": "m", "prompt": ["a", "b", "c"], "max_tokens": 50, "n": 2}
    seen = ask(body, COMPLETIONS, {"asked": True})
    assert seen.headers["x-pl-request"] == seen.dynamic["paceline"]["request"]
    question = parse(seen.headers["x-pl-request"])
    assert (question.consumer, question.operation, question.bound, question.n) == ("ns/me", "completions", 50, 2)
    assert (question.prompts, question.body_bytes) == (3, len(json.dumps(body)))
    assert question.prompt_bytes == len('["a", "b", "c"]')
    assert seen.headers["x-pl-tokens"] == str(4 + 3 * 2 * 50)


TRUSTED = {"external.ab12": {"class": True, "conversation": True}}
SAID = {"x_paceline_request_class": "order-status", "x_paceline_conversation_id": "thread_7:a/b=="}


def test_who_is_trusted_says_the_class_and_the_conversation_of_a_request() -> None:
    seen = ask(BASE, host=TRUSTED, **SAID)
    record = json.loads(seen.dynamic["paceline"]["request"])
    assert (record["class"], record["conversation"]) == ("order-status", "thread_7:a/b==")
    assert seen.headers["x-paceline-request-class"] == "order-status"
    assert seen.headers["x-paceline-conversation-id"] == "thread_7:a/b=="


@pytest.mark.parametrize(
    "host",
    [
        {},
        {"external.ab12": {"class": False, "conversation": False}},
        {"external.ab1": {"class": True, "conversation": True}},
    ],
)
def test_what_others_say_of_themselves_is_taken_away(host: dict[str, Any]) -> None:
    for said in (SAID, {"x_paceline_request_class": '"},{'}, {"x_paceline_conversation_id": "x" * 1000}):
        seen = ask(BASE, host=host, **said)
        assert seen.status is None
        assert seen.dynamic == ask(BASE).dynamic
        assert seen.headers.keys() == ask(BASE).headers.keys()


def test_each_header_is_trusted_by_itself() -> None:
    seen = ask(BASE, host={"external.ab12": {"class": False, "conversation": True}}, **SAID)
    record = json.loads(seen.dynamic["paceline"]["request"])
    assert (record.get("class"), record["conversation"]) == (None, "thread_7:a/b==")
    assert "x-paceline-request-class" not in seen.headers


@pytest.mark.parametrize(
    ("header", "value"),
    [
        *(("x-paceline-request-class", value) for value in ("", "A", "-a", "a b", 'a"', "a,b", "a" * 64)),
        *(("x-paceline-conversation-id", value) for value in ("", "a b", 'a"', "a\\", "a,b", "é", "a" * 129)),
    ],
)
def test_a_trusted_header_that_is_none_is_refused(header: str, value: str) -> None:
    seen = ask(BASE, host=TRUSTED, **{header.replace("-", "_"): value})
    assert (seen.status, seen.code) == ("400", "invalid_header")
    assert seen.dynamic["paceline"]["error"]["param"] == header


REVIEWER = "reviewer.9e9e.ns.me"


@pytest.mark.parametrize("purpose", [None, "", "Review", "review,review", "chat"])
@pytest.mark.parametrize("path", [CHAT, "/v1/models"])
def test_a_reviewer_that_does_not_say_so_is_refused(purpose: str | None, path: str) -> None:
    said = {"x_paceline_purpose": purpose} if purpose is not None else {}
    seen = ask(BASE, path, x_pl_client=REVIEWER, **said)
    assert (seen.status, seen.code) == ("403", "purpose_required")
    assert "x-paceline-purpose: review" in (seen.text or "")


def test_a_reviewer_that_says_so_is_answered_and_others_need_not_say_anything() -> None:
    assert ask(BASE, x_pl_client=REVIEWER, x_paceline_purpose="review").status is None
    assert ask(BASE, x_pl_client="external.ab12.ns.reviewer").status is None
    assert ask(BASE, x_pl_client="external.reviewer.ns.me").status is None


def test_a_body_that_needs_no_change_is_not_written_again() -> None:
    text = b' {"model" : "m","messages":[ ] , "max_tokens":1}\n'
    seen = ask(text, route={"bound": 5})
    assert seen.body == text
    assert "content-length" not in seen.headers


@pytest.mark.parametrize(
    ("path", "body", "wanted"),
    [
        (CHAT, BASE, BASE | {"max_completion_tokens": 100, "messages": [MESSAGE, *BASE["messages"]]}),
        (CHAT, BASE | {"messages": []}, BASE | {"max_completion_tokens": 100, "messages": [MESSAGE]}),
        (CHAT, BASE | {"max_tokens": 7}, BASE | {"max_tokens": 7, "messages": [MESSAGE, *BASE["messages"]]}),
        (
            CHAT,
            BASE | {"max_completion_tokens": None, "max_tokens": None},
            BASE | {"max_completion_tokens": 100, "max_tokens": None, "messages": [MESSAGE, *BASE["messages"]]},
        ),
        (
            COMPLETIONS,
            {"prompt": "x\n", "model": "m"},
            {"prompt": "Be kind. x\n", "model": "m", "max_tokens": 100},
        ),
        (EMBEDDINGS, {"input": ["x"], "model": "m"}, {"input": ["x"], "model": "m"}),
    ],
)
def test_the_bound_and_the_prompt_of_the_route_are_written_where_they_are_missing(
    path: str, body: dict[str, Any], wanted: dict[str, Any]
) -> None:
    for indent in (None, 2):
        seen = ask(json.dumps(body, indent=indent).encode(), path, ROUTE)
        assert json.loads(seen.body) == wanted
        assert int(seen.headers.get("content-length", len(seen.body))) == len(seen.body)


def test_tokens_of_a_request_without_a_bound_are_estimated_by_the_route_s() -> None:
    assert json.loads(ask(BASE, route=ROUTE).dynamic["paceline"]["request"])["bound"] == 100
    assert int(ask(BASE, route=ROUTE).headers["x-pl-tokens"]) == 109
    assert ask(BASE | {"max_tokens": 2**31 - 1, "n": 128}).headers["x-pl-tokens"] == "1000000000"


def test_a_prompt_of_tokens_cannot_get_a_system_prompt() -> None:
    body = {"model": "m", "prompt": [1, 2]}
    assert ask(body, COMPLETIONS, ROUTE).code == "unsupported_prompt"
    assert ask(body, COMPLETIONS).status is None


def test_media_by_address_need_a_route_that_allows_them() -> None:
    body = BASE | {"messages": [{"content": [{"image_url": {"url": "http://10.0.0.1/"}}]}]}
    assert ask(body).code == "remote_media"
    assert ask(body, route={"remote_media": True}).code == "media_address"
    body["messages"] = [{"content": [{"image_url": {"url": "https://example.com/a.png"}}]}]
    assert ask(body).code == "remote_media"
    assert ask(body, route={"remote_media": True}).status is None


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({":method": "GET"}, "405", "method_not_allowed"),
        ({"content_type": "text/plain"}, "415", "unsupported_media_type"),
        ({"content_type": "application/json,application/json"}, "415", "unsupported_media_type"),
        ({"content_type": "application/jsonp"}, "415", "unsupported_media_type"),
        ({"content_encoding": "gzip"}, "415", "unsupported_media_type"),
        ({"content_type": "Application/JSON; charset=utf-8"}, None, None),
        ({"content_type": "application/json ;x"}, None, None),
    ],
)
def test_only_plain_json_by_post_is_read(headers: dict[str, str], status: str | None, code: str | None) -> None:
    seen = ask(BASE, **headers)
    assert (seen.status, seen.code) == (status, code)


def test_a_refusal_names_the_parameter_and_never_the_client_s_own_words() -> None:
    seen = ask(b'{"model":"m","messages":[],"model":"<secret>"}')
    assert (seen.status, seen.code) == ("400", "duplicate_parameter")
    assert seen.dynamic["paceline"]["error"]["param"] == "model"
    assert seen.text == "A parameter may be given only once: model"
    assert "x-pl-model" not in seen.headers
    assert ask(b"").code == "invalid_json"


def test_other_addresses_are_nothing_to_the_script() -> None:
    seen = ask(b"anything", "/v1/models?x=1")
    assert (seen.status, seen.headers.get("x-pl-model"), seen.headers["x-pl-tokens"]) == (None, None, "0")
    assert ask(BASE, f"{CHAT}?api_key=x").headers["x-pl-model"] == "m"


def test_a_fault_of_the_script_ends_the_request() -> None:
    seen = ask(BASE, route={"bound": "many"})
    assert seen.status == "500"
    assert "attempt to perform arithmetic" in seen.logged


_VALUES = st.none() | st.booleans() | st.integers(0, 200) | st.text(max_size=30)


@settings(max_examples=300, derandomize=True)
@given(
    extra=st.dictionaries(st.text(max_size=9), _VALUES, max_size=4),
    bound=st.sampled_from(["absent", "null", "given"]),
    messages=st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": st.text(max_size=30)}), max_size=3),
    seed=st.integers(0, 2**32),
)
def test_a_changed_body_is_the_same_document_but_for_the_changes(
    extra: dict[str, Any], bound: str, messages: list[Any], seed: int
) -> None:
    draw = random.Random(seed)
    document = {f"x{name}": value for name, value in extra.items()} | {"model": "m", "messages": messages}
    document |= {"null": {"max_completion_tokens": None}, "given": {"max_completion_tokens": 3}}.get(bound, {})
    mixed = dict(draw.sample(sorted(document.items()), len(document)))
    text = json.dumps(mixed, ensure_ascii=draw.random() < 0.5, indent=draw.choice([None, 1]))
    seen = ask(text.encode(), route=ROUTE)
    wanted = mixed | {"messages": [MESSAGE, *messages]}
    assert json.loads(seen.body) == (wanted if bound == "given" else wanted | {"max_completion_tokens": 100})
    at = seen.dynamic["paceline.places"]["at"].split()
    assert at[:2] == ["/chat/completions", "0"]
    assert seen.body[int(at[2]) - 1 : int(at[3])] == b'"m"'
