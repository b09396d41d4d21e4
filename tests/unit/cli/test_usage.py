"""usage: the way to the ledger and its two rights, the table, the rows, and every refusal in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from paceline.cli.console import ExitCode
from tests.support.fake_api import FakeApi

Run = Callable[..., tuple[int, str, str]]

SYSTEM = "/api/v1/namespaces/paceline-system"
TOKEN = f"{SYSTEM}/serviceaccounts/paceline-ledger-reader/token"
PROXY = f"{SYSTEM}/services/https:paceline-ledger:8443/proxy"
USAGE, EXPORT = f"{PROXY}/v1/usage", f"{PROXY}/v1/export"


def row(consumer: str, cost: int, **more: Any) -> dict[str, Any]:
    figures = {"inputTokens": 1200, "cachedInputTokens": 400, "outputTokens": 90, "reasoningTokens": 0}
    money = f"{cost / 1_000_000:.6f}".rstrip("0")
    return {
        "consumer": consumer,
        "attempts": 2,
        "unpricedAttempts": 0,
        **figures,
        "costMicros": cost,
        "cost": money,
    } | more


def answer(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"from": "2026-11-26T19:00:00Z", "to": "2026-11-27T19:15:00Z", "rows": list(rows)}


@pytest.fixture
def ledger(api: FakeApi) -> FakeApi:
    service = {"metadata": {"name": "paceline-ledger"}, "spec": {"ports": [{"name": "https", "port": 8443}]}}
    api.items(f"{SYSTEM}/services", service)
    api.put(TOKEN, {"status": {"token": "for-readers"}}, 201)
    api.put(USAGE, answer(row("shop/acme", 1_234_500), row("", 500, unpricedAttempts=1)))
    api.text(EXPORT, '{"id":"a","costMicros":1}\n{"id":"b","costMicros":2}\n', kind="application/x-ndjson")
    return api


def asked(api: FakeApi) -> dict[str, list[str]]:
    """Query of the last request."""
    return parse_qs(urlsplit(api.requests[-1][1]).query)


def test_usage_is_a_table_with_money_in_units_and_a_sum_below_it(ledger: FakeApi, paceline: Run) -> None:
    code, out, err = paceline("usage")
    lines = [line.split() for line in out.splitlines()]
    assert code == 0
    assert lines == [
        ["CONSUMER", "ATTEMPTS", "INPUT", "CACHED", "OUTPUT", "REASONING", "COST"],
        ["shop/acme", "2", "1200", "400", "90", "0", "1.2345"],
        ["-", "2", "1200", "400", "90", "0", "0.0005"],
    ]
    assert "4 attempts, 1.235 in all, from 2026-11-26T19:00:00Z to 2026-11-27T19:15:00Z" in err
    assert "1 attempt had no price" in err
    assert asked(ledger) == {"by": ["consumer"]}


def test_the_ledger_gets_a_token_of_its_own_and_never_the_users(ledger: FakeApi, paceline: Run) -> None:
    paceline("usage")
    asking = json.loads(next(body for method, path, body in ledger.requests if path.startswith(TOKEN)))
    assert asking["spec"] == {"audiences": ["paceline"], "expirationSeconds": 600}
    assert ledger.requests[-1][:2] == ("GET", f"{USAGE}?by=consumer")
    assert ledger.headers[-1]["X-Paceline-Token"] == "for-readers"


def test_what_is_asked_for_is_asked_of_the_ledger(ledger: FakeApi, paceline: Run) -> None:
    times = ("--from", "2026-11-02", "--to", "2026-11-02T11:00:00+01:00")
    paceline("usage", "--by", "consumer", "--only", "team=support", "--only", "model=a=b", *times)
    assert asked(ledger) == {
        "by": ["consumer"],
        "team": ["support"],
        "model": ["a=b"],
        "from": ["2026-11-02T00:00:00.000000Z"],
        "to": ["2026-11-02T10:00:00.000000Z"],
    }


def test_what_was_refused_before_a_model_was_asked_is_told_apart(ledger: FakeApi, paceline: Run) -> None:
    ledger.put(USAGE, answer(row("shop/acme", 5, model="bot"), row("shop/acme", 0, model="")))
    _, out, err = paceline("usage", "--by", "model")
    assert [line.split()[0] for line in out.splitlines()] == ["MODEL", "bot", "-"]
    assert "without a model: refused before one was asked" in err


def test_nothing_used_is_no_table(ledger: FakeApi, paceline: Run) -> None:
    ledger.put(USAGE, answer())
    code, out, err = paceline("usage")
    assert (code, out) == (0, "")
    assert err.startswith("0 attempts, 0.00 in all")


def test_as_data_usage_is_what_the_ledger_says(ledger: FakeApi, paceline: Run) -> None:
    assert json.loads(paceline("usage", "-o", "json")[1])["rows"][0]["costMicros"] == 1_234_500


def test_export_prints_a_line_for_each_attempt(ledger: FakeApi, paceline: Run) -> None:
    code, out, err = paceline("usage", "export", "--consumer", "shop/acme", "--from", "2026-11-02")
    assert code == 0
    assert [json.loads(line) for line in out.splitlines()] == [
        {"id": "a", "costMicros": 1},
        {"id": "b", "costMicros": 2},
    ]
    assert "2 attempts" in err
    assert asked(ledger) == {"consumer": ["shop/acme"], "from": ["2026-11-02T00:00:00.000000Z"]}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--from", "yesterday"), "--from 'yesterday' is no time."),
        (("export", "--to", "24"), "--to '24' is no time."),
        (("--only", "support"), "--only 'support' is not NAME=VALUE."),
    ],
    ids=["from", "to", "only"],
)
def test_wrong_usage_is_told_before_anything_is_asked(
    arguments: tuple[str, ...], words: str, ledger: FakeApi, paceline: Run
) -> None:
    code, _, err = paceline("usage", *arguments)
    assert code == ExitCode.USAGE
    assert words in err
    assert ledger.requests == []


def test_an_installation_without_a_ledger_is_not_found(api: FakeApi, paceline: Run) -> None:
    api.items("/api/v1/namespaces/other/services")
    code, _, err = paceline("usage", "--operator-namespace", "other")
    assert code == ExitCode.NOT_FOUND
    assert "there is no ledger in namespace other." in err


@pytest.mark.parametrize("path", [f"{SYSTEM}/services", TOKEN, USAGE], ids=["list", "token", "proxy"])
def test_who_may_not_read_is_told_which_role_lets_one(path: str, ledger: FakeApi, paceline: Run) -> None:
    ledger.refuse(path, 403, 'User "me" cannot')
    code, out, err = paceline("usage")
    assert (code, out) == (ExitCode.FAILED, "")
    assert 'the cluster refuses: User "me" cannot' in err
    assert "--role=paceline-ledger-reader --user=NAME" in err


def test_a_cluster_that_is_not_there_is_no_question_of_rights(ledger: FakeApi, paceline: Run) -> None:
    path = ledger.kubeconfig_path
    path.write_text(path.read_text().replace(ledger.url, "http://127.0.0.1:1"))
    code, _, err = paceline("usage")
    assert code == ExitCode.UNREACHABLE
    assert "check that it runs" in err


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (400, ExitCode.USAGE, "the ledger does not take the question: Because"),
        (503, ExitCode.NOT_READY, "the ledger does not answer now: Because"),
        (401, ExitCode.FAILED, "the ledger answered 401: Because"),
        (404, ExitCode.FAILED, "the ledger answered 404: Because"),
    ],
)
def test_what_the_ledger_refuses_is_told_in_its_words(
    status: int, code: ExitCode, words: str, ledger: FakeApi, paceline: Run
) -> None:
    for path, arguments in ((USAGE, ()), (EXPORT, ("export",))):
        ledger.put(path, {"reason": "Reason", "message": "Because"}, status)
        found, out, err = paceline("usage", *arguments)
        assert (found, out) == (code, "")
        assert words in err
        assert "kubectl logs -n paceline-system deployment/paceline-ledger" in err or status == 400
