"""What a repository of the Hub is, found out without its weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from paceline.api.source import Report
from tests.support.hub import Hub
from tests.support.modelfiles import TEMPLATE, llama_gguf, model, safetensors, sharded
from tests.support.webserver import Reply, times

Fetch = Callable[..., Report]
URI = "hf://org/model"


def test_a_repository_is_resolved_to_a_commit_and_sizes(there: Hub, fetch: Fetch) -> None:
    files = model()
    commit = there.repository().commit(files)
    found = fetch(URI).found["base"]
    assert found.commit == commit
    assert found.weight_bytes == len(files["model.safetensors"])
    assert found.bytes == sum(len(body) for name, body in files.items() if name != "README.md")
    assert found.parameters == 64_064
    assert found.dtype == "BF16"
    assert found.shape is not None
    assert found.shape.model_dump() == {"layers": 2, "kv_heads": 2, "head_size": 16, "context_tokens": 4096}
    assert found.tokenizer_digest
    assert found.chat_template_digest


def test_weights_are_not_read_to_resolve(there: Hub, fetch: Fetch) -> None:
    there.repository().commit(model(rows=100_000))
    assert fetch(URI).failure is None
    ranges = [each.headers["range"] for each in there.store.asked]
    assert ranges == ["bytes=0-131071"]


def test_a_branch_is_looked_up_and_a_commit_stays(there: Hub, fetch: Fetch) -> None:
    repository = there.repository()
    old = repository.commit(model(rows=10))
    new = repository.commit(model(rows=20))
    dev = repository.commit(model(rows=30), branch="dev/next")
    assert fetch(URI).found["base"].commit == new
    assert fetch(URI, revision="dev/next").found["base"].commit == dev
    assert fetch(URI, revision=old).found["base"].commit == old
    assert fetch(URI, commit=old).found["base"].commit == old


def test_shards_of_an_index_are_counted_together(there: Hub, fetch: Fetch) -> None:
    files = sharded(shards=5, rows=100)
    there.repository().commit({**files, "consolidated.safetensors": safetensors({"all": ("BF16", (500, 64))})})
    found = fetch(URI).found["base"]
    assert found.parameters == 5 * 100 * 64
    assert found.weight_bytes == sum(len(body) for name, body in files.items() if name.endswith(".safetensors"))


def test_an_index_that_names_a_missing_shard_is_invalid(there: Hub, fetch: Fetch) -> None:
    files = sharded()
    del files["model-00002-of-00003.safetensors"]
    there.repository().commit(files)
    failure = fetch(URI).failure
    assert failure is not None
    assert failure.reason == "SourceInvalid"
    assert "model-00002-of-00003.safetensors" in failure.message


def test_a_gguf_is_resolved_from_its_head(there: Hub, fetch: Fetch) -> None:
    body = llama_gguf()
    there.repository().commit({"a-Q4_K_M.gguf": body, "a-Q8_0.gguf": llama_gguf(), "README.md": b""})
    found = fetch(URI, file="a-Q4_K_M.gguf").found["base"]
    assert found.bytes == found.weight_bytes == len(body)
    assert found.parameters == 64_064
    assert found.dtype == "Q4_K"
    assert found.shape is not None
    assert found.shape.context_tokens == 8192
    assert found.shape.head_size == 16
    assert found.chat_template_digest


def test_several_ggufs_want_a_choice(there: Hub, fetch: Fetch) -> None:
    there.repository().commit({"a-Q4_K_M.gguf": llama_gguf(), "a-Q8_0.gguf": llama_gguf()})
    failure = fetch(URI).failure
    assert failure is not None
    assert failure.reason == "SourceInvalid"
    assert "a-Q4_K_M.gguf, a-Q8_0.gguf" in failure.message


def test_pickles_are_refused_because_they_run_code(there: Hub, fetch: Fetch, tmp_path: Path) -> None:
    files = {"config.json": b"{}", "pytorch_model.bin": b"\x80\x04pickle"}
    there.repository().commit(files)
    for fields in ({}, {"file": "pytorch_model.bin"}):
        failure = fetch(URI, into=tmp_path, **fields).failure
        assert failure is not None
        assert failure.reason == "SourceInvalid"
        assert "run" in failure.message
    assert not list(tmp_path.rglob("*.bin"))


@pytest.mark.parametrize(
    ("expected", "difference"),
    [
        (TEMPLATE, None),
        (TEMPLATE + "\n", None),
        ("something else", "line 1:"),
        (TEMPLATE.replace("endfor", "endfor "), "line 3:"),
        (TEMPLATE + "\n\nmore", "line 4:"),
    ],
)
def test_the_chat_template_is_compared(there: Hub, fetch: Fetch, expected: str, difference: str | None) -> None:
    there.repository().commit(model())
    found = fetch(URI, chat_template=expected).found["base"].chat_template_difference
    assert (found is None) == (difference is None)
    assert (found or "").startswith(difference or "")


def test_chat_template_files_come_before_the_tokenizers_configuration(there: Hub, fetch: Fetch) -> None:
    files = model()
    there.repository().commit({**files, "chat_template.jinja": b"from jinja"})
    assert fetch(URI, chat_template="from jinja").found["base"].chat_template_difference is None
    there.repository().commit({**files, "chat_template.json": b'{"chat_template": "from json"}'})
    assert fetch(URI, chat_template="from json").found["base"].chat_template_difference is None
    named = [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "plain"}]
    there.repository().commit({**files, "tokenizer_config.json": json.dumps({"chat_template": named}).encode()})
    assert fetch(URI, chat_template="plain").found["base"].chat_template_difference is None


def test_a_model_without_template_says_so(there: Hub, fetch: Fetch) -> None:
    there.repository().commit({**model(), "tokenizer_config.json": b"{}"})
    found = fetch(URI, chat_template="x").found["base"]
    assert found.chat_template_digest is None
    assert found.chat_template_difference == "the model has no chat template"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"uri": "hf://org/absent"}, "SourceNotFound"),
        ({"revision": "absent"}, "SourceNotFound"),
        ({"commit": "0" * 40}, "SourceChanged"),
        ({"file": "absent.gguf"}, "SourceNotFound"),
        ({"uri": "hf://org/private"}, "SourceUnauthorized"),
        ({"uri": "hf://org/gated"}, "SourceUnauthorized"),
        ({"uri": "hf://org/..--bad"}, "SourceInvalid"),
    ],
)
def test_each_failure_has_its_reason(there: Hub, fetch: Fetch, fields: dict[str, str], reason: str) -> None:
    there.repository().commit(model())
    there.repository("org/private", token="hf_sesame123").commit(model())
    there.repository("org/gated", token="hf_sesame123", gated=True).commit(model())
    failure = fetch(**{"uri": URI, **fields}).failure
    assert failure is not None
    assert (failure.reason, failure.retry) == (reason, False)


def test_a_token_opens_a_private_repository_and_stays_with_the_hub(there: Hub, fetch: Fetch, tmp_path: Path) -> None:
    there.repository(token="hf_sesame123").commit(model())
    secret = tmp_path / "token"
    secret.write_text("hf_sesame123\n")
    assert fetch(URI, secret_file=str(secret)).failure is None
    assert {each.headers.get("authorization") for each in there.api.asked} == {"Bearer hf_sesame123"}
    assert there.store.asked
    assert not [each for each in there.store.asked if "sesame" in repr(each)]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_hub_that_is_busy_is_asked_again(there: Hub, fetch: Fetch, status: int) -> None:
    there.repository().commit(model())
    there.api.rules.append(times(2, "/api/models", status=status, body=b"", headers={"Retry-After": "0"}))
    there.store.rules.append(times(2, "/blobs", status=status, body=b""))
    assert fetch(URI).failure is None


def test_a_hub_that_stays_away_is_given_up_for_this_time(there: Hub, fetch: Fetch) -> None:
    there.repository().commit(model())
    there.api.rules.append(times(100, "/api/models", status=503, body=b""))
    failure = fetch(URI).failure
    assert failure is not None
    assert (failure.reason, failure.retry) == ("SourceUnreachable", True)
    assert len(there.api.asked) == 6


def test_nobody_listening_is_worth_another_try(fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    failure = fetch(URI).failure
    assert failure is not None
    assert (failure.reason, failure.retry) == ("SourceUnreachable", True)


def test_an_answer_without_end_is_cut_short(there: Hub, fetch: Fetch) -> None:
    there.repository().commit(model())
    there.api.rules.append(
        lambda asked, reply: Reply(body=b" " * 17 * 2**20, ranges=False) if "/api/" in asked.path else reply
    )
    failure = fetch(URI).failure
    assert failure is not None
    assert failure.reason == "SourceInvalid"
    assert "more than" in failure.message


def test_an_answer_that_is_no_description_is_invalid(there: Hub, fetch: Fetch) -> None:
    there.repository().commit(model())
    for body in (b"[]", b"{}", b"<html>", b"[" * 100_000, b'{"sha": "a", "siblings": [{"rfilename": 1}]}'):
        there.api.rules[:] = [times(1, "/api/models", body=body)]
        failure = fetch(URI).failure
        assert failure is not None
        assert failure.reason == "SourceInvalid", body[:50]
