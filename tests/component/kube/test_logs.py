import io
import json
import logging

import pytest

from paceline.kube.logs import redact, set_up


@pytest.fixture
def stream():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    set_up("INFO", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_and_says_which_object_it_is_about(stream):
    extra = {"kind": "ModelDeployment", "namespace": "ml", "name_of": "chat", "reason": "Conflict"}
    logging.getLogger("paceline.x").info("looked %s", "again", extra=extra)
    (line,) = lines(stream)
    assert line["message"] == "looked again"
    assert (line["level"], line["kind"], line["namespace"], line["name"], line["reason"]) == (
        "INFO", "ModelDeployment", "ml", "chat", "Conflict",
    )  # fmt: skip


@pytest.mark.parametrize(
    "secret",
    [
        "Authorization: Bearer abcdef123456",
        "{'Authorization': 'Bearer abcdef123456'}",
        "token=abcdef123456",
        '"password": "abcdef123456"',
        "api_key: abcdef123456",
        "sk-abcdef1234567890abcdef",
        "hf_abcdef1234567890abcdef",
        "eyJhbGciOiJ9.eyJabcdef123456.sig-na_ture",
        "-----BEGIN RSA PRIVATE KEY-----\nabcdef123456\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_credential_never_reaches_the_log(stream, secret):
    logging.getLogger("kopf.objects").error("failed: %s", secret)
    assert "[redacted]" in stream.getvalue()
    assert "abcdef123456" not in stream.getvalue()


def test_ordinary_words_stay():
    text = "Pod chat-1 finds no node: 0/3 nodes are available. tokens: 12, secretRef hf-token"
    assert redact(text) == text


def test_a_trace_is_redacted_too(stream):
    try:
        raise ValueError("token=abcdef123456")
    except ValueError:
        logging.getLogger("paceline.x").exception("bug")
    assert "ValueError" in lines(stream)[0]["exception"]
    assert "abcdef123456" not in stream.getvalue()


def test_objects_that_kopf_names_become_fields(stream):
    reference = {"kind": "Pod", "namespace": "ml", "name": "p", "uid": "u"}
    logging.getLogger("kopf.objects").warning("x", extra={"k8s_ref": reference})
    assert (lines(stream)[0]["kind"], lines(stream)[0]["name"]) == ("Pod", "p")


def test_clients_and_kopf_are_quiet_below_warning(stream):
    for name in ("kopf.activities", "aiohttp.access", "asyncio"):
        logging.getLogger(name).info("chatter")
    logging.getLogger("kopf._core.reactor.running").warning("signals")
    logging.getLogger("kopf").warning("trouble")
    assert [line["message"] for line in lines(stream)] == ["trouble"]
