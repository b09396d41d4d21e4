"""chat: tokens on stdout, the answer's own timing on stderr, every refusal in words."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from paceline.cli.cluster import modeldeployment_path
from paceline.cli.console import ExitCode
from tests.support.cli_objects import model
from tests.support.fake_api import FakeApi

Run = Callable[..., tuple[int, str, str]]

MODEL = f"{modeldeployment_path('models')}/hello"
PROXY = "/api/v1/namespaces/models/services/http:hello-956be3dd:80/proxy/v1/chat/completions"
ANSWER = "\n\n".join(
    "data: " + text
    for text in (
        '{"choices": [{"delta": {"role": "assistant"}}]}',
        '{"choices": [{"delta": {"content": "Hello"}}]}',
        '{"choices": [{"delta": {"content": " [you]"}, "finish_reason": "stop"}]}',
        '{"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}',
        "[DONE]",
    )
)


def serving(api: FakeApi) -> None:
    api.put(MODEL, model())
    api.text(PROXY, ANSWER, kind="text/event-stream")


def test_an_answer_is_printed_and_timed(api: FakeApi, paceline: Run) -> None:
    serving(api)
    code, out, err = paceline("chat", "hello", "-m", "hi", "--max-tokens", "9")
    assert (code, out) == (0, "Hello [you]\n")
    assert err.startswith("TTFT ")
    assert err.endswith("3 prompt + 2 output tokens\n")
    body = json.loads(api.requests[-1][2])
    assert body["model"] == "hello"
    assert body["messages"] == [{"role": "user", "content": "hi"}]
    assert body["max_tokens"] == 9
    assert body["stream_options"] == {"include_usage": True}


def test_a_question_goes_through_the_proxy_in_chunks(api: FakeApi, paceline: Run) -> None:
    """With a Content-Length the API server's proxy loses about one answer in twenty (golang/go#40747)."""
    serving(api)
    paceline("chat", "hello", "-m", "hi")
    assert api.headers[-1]["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in api.headers[-1]
    assert api.headers[-1]["Content-Type"] == "application/json"
    assert api.headers[-1]["Authorization"] == "Bearer secret-token"


def test_the_served_name_is_asked_for_where_there_is_one(api: FakeApi, paceline: Run) -> None:
    serving(api)
    named = model()
    named["spec"]["model"]["servedName"] = "assistant"
    api.put(MODEL, named)
    paceline("chat", "mdep/hello", "-m", "hi")
    assert json.loads(api.requests[-1][2])["model"] == "assistant"


def test_a_conversation_keeps_what_was_said(api: FakeApi, paceline: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    serving(api)
    monkeypatch.setattr(sys, "stdin", io.StringIO("hi\nand you?\n/bye\nnot sent\n"))
    code, out, _ = paceline("chat", "hello")
    assert (code, out) == (0, "Hello [you]\nHello [you]\n")
    said = [message["content"] for message in json.loads(api.requests[-1][2])["messages"]]
    assert said == ["hi", "Hello [you]", "and you?"]


def test_the_end_of_input_ends_a_conversation(api: FakeApi, paceline: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    serving(api)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert paceline("chat", "hello") == (0, "", "")


def test_a_person_is_told_how_to_leave(api: FakeApi, paceline: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    serving(api)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal("quit\n"))
    code, out, err = paceline("chat", "hello")
    assert (code, out) == (0, "you> ")
    assert "/bye ends it" in err


def test_a_model_without_ready_pods_is_not_ready(api: FakeApi, paceline: Run) -> None:
    api.put(MODEL, model())
    api.refuse(PROXY, 503, "no endpoints available for service")
    code, _, err = paceline("chat", "hello", "-m", "hi")
    assert code == ExitCode.NOT_READY
    assert "hello does not answer yet: no endpoints available" in err
    assert "paceline explain mdep/hello -n models" in err


def test_a_model_without_an_endpoint_is_not_ready(api: FakeApi, paceline: Run) -> None:
    api.put(MODEL, model(endpoint=""))
    code, _, err = paceline("chat", "hello", "-m", "hi")
    assert code == ExitCode.NOT_READY
    assert "hello has no endpoint yet" in err


def test_a_model_that_embeds_does_not_chat(api: FakeApi, paceline: Run) -> None:
    embedding = model()
    embedding["spec"]["model"]["task"] = "Embed"
    api.put(MODEL, embedding)
    code, _, err = paceline("chat", "hello", "-m", "hi")
    assert code == ExitCode.USAGE
    assert "hello has the task Embed: it does not chat." in err


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param({"error": {"message": "max_tokens is too large"}}, "400: max_tokens is too large", id="openai"),
        pytest.param({"message": "not allowed"}, "400: not allowed", id="status"),
        pytest.param([], "400: []", id="other"),
    ],
)
def test_a_refusal_is_repeated(data: object, words: str, api: FakeApi, paceline: Run) -> None:
    serving(api)
    api.put(PROXY, data, 400)
    code, _, err = paceline("chat", "hello", "-m", "hi")
    assert code == ExitCode.FAILED
    assert words in err


def test_a_stream_that_breaks_off_ends_in_words_after_what_came(api: FakeApi, paceline: Run) -> None:
    serving(api)
    broken = 'data: {"choices": [{"delta": {"content": "Hel"}}]}\n\ndata: {"error": {"message": "out of blocks"}}\n\n'
    api.text(PROXY, broken, kind="text/event-stream")
    code, out, err = paceline("chat", "hello", "-m", "hi")
    assert (code, out) == (ExitCode.FAILED, "Hel\n")
    assert "the answer broke off: the engine reported: out of blocks" in err


def test_a_model_that_asks_for_a_key_says_how_it_is_talked_to(api: FakeApi, paceline: Run) -> None:
    serving(api)
    locked = model()
    locked["spec"] |= {"exposure": "GatewayOnly"}
    locked["spec"]["model"]["servedName"] = "bot"
    api.put(MODEL, locked)
    code, _, err = paceline("chat", "hello", "-m", "hi")
    words = " ".join(err.split())
    assert code == ExitCode.USAGE
    assert "hello asks for a key" in words
    assert "kubectl port-forward -n models service/hello-956be3dd 8080:80" in words
    assert "paceline chat bot --url http://127.0.0.1:8080/v1 --key-file" in words
    assert "hello-engine-key" in words
    assert not [path for _, path, _ in api.requests if "proxy" in path or "secrets" in path]


def test_a_key_is_brought_from_a_file(api: FakeApi, paceline: Run, tmp_path: Path) -> None:
    api.text("/v1/chat/completions", ANSWER, kind="text/event-stream")
    (tmp_path / "key").write_text("pl-right\n")
    paceline("chat", "gpt", "-m", "hi", "--url", f"{api.url}/v1/", "--key-file", str(tmp_path / "key"))
    assert api.headers[-1]["Authorization"] == "Bearer pl-right"


@pytest.mark.parametrize(("text", "words"), [(None, "cannot be read"), ("", "no key in it"), ("a\nb", "no key in it")])
def test_a_file_without_a_key_is_wrong_usage(text: str | None, words: str, paceline: Run, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "key").write_text(text)
    url = ("--url", "http://127.0.0.1:1/v1", "--key-file", str(tmp_path / "key"))
    code, _, err = paceline("chat", "gpt", "-m", "hi", *url)
    assert code == ExitCode.USAGE
    assert words in " ".join(err.split())


def test_a_key_is_for_a_url(paceline: Run, tmp_path: Path) -> None:
    code, _, err = paceline("chat", "gpt", "-m", "hi", "--key-file", str(tmp_path / "key"))
    assert code == ExitCode.USAGE
    assert "needs --gateway or --url" in err


def test_any_openai_like_server_can_be_talked_to_by_its_url(api: FakeApi, paceline: Run) -> None:
    api.text("/v1/chat/completions", ANSWER, kind="text/event-stream")
    assert paceline("chat", "gpt", "-m", "hi", "--url", f"{api.url}/v1/")[1] == "Hello [you]\n"
    assert json.loads(api.requests[-1][2])["model"] == "gpt"


def test_a_url_that_does_not_answer_is_unreachable(paceline: Run) -> None:
    code, _, err = paceline("chat", "gpt", "-m", "hi", "--url", "http://127.0.0.1:1/v1")
    assert code == ExitCode.UNREACHABLE
    assert "http://127.0.0.1:1/v1 did not answer" in err


@pytest.mark.parametrize("url", ["http://[::1/v1", "http://a..b/v1"])
def test_what_is_no_url_is_wrong_usage(url: str, paceline: Run) -> None:
    code, _, err = paceline("chat", "gpt", "-m", "hi", "--url", url)
    assert code == ExitCode.USAGE
    assert f"{url} is no URL" in err
