"""The demo's door: what is applied, asked until the budget is used up, and shown of the usage."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import yaml

from paceline.cli import demo_door
from paceline.cli.cluster import Cluster
from paceline.cli.console import CliError, ExitCode, out
from paceline.cli.kinds import CONSUMER, GATEWAY
from paceline.cli.steps import Steps
from tests.support.cli_objects import a_consumer, a_gateway, cond
from tests.support.fake_api import FakeApi
from tests.support.manifests import problems

DOOR, CALLER = GATEWAY.path("models", demo_door.NAME), CONSUMER.path("models", demo_door.CALLER)
SYSTEM = "/api/v1/namespaces/paceline-system"
USAGE = f"{SYSTEM}/services/https:paceline-ledger:8443/proxy/v1/usage"
ANSWER = 'data: {"choices": [{"delta": {"content": "Hello"}}]}\n\ndata: [DONE]\n\n'
SPENT = (429, "2000", "insufficient_quota")
HELD = (429, "1", "insufficient_quota")


class Door:
    """Answers with what is next."""

    model, who = "bot", "the gateway"

    def __init__(self, *refusals: tuple[int, str, str] | None) -> None:
        self.next: Iterator[tuple[int, str, str] | None] = iter(refusals)
        self.asked = 0

    @contextmanager
    def post(self, body: dict[str, Any]) -> Iterator[httpx.Response]:
        self.asked += 1
        refusal = next(self.next, None)
        if refusal is None:
            yield httpx.Response(200, text=ANSWER)
            return
        status, after, code = refusal
        error = {"error": {"code": code, "message": "It is so."}}
        yield httpx.Response(status, headers={"Retry-After": after}, json=error)


def rows(*attempts: int, cost: int = 5) -> dict[str, Any]:
    figures = dict.fromkeys(("inputTokens", "cachedInputTokens", "outputTokens", "reasoningTokens"), 1)
    made = [
        {"consumer": "models/visitor", "model": "" if number else "bot", "attempts": each, "unpricedAttempts": 0}
        | {"costMicros": cost, "cost": "0.000005", **figures}
        for number, each in enumerate(attempts)
    ]
    return {"from": "2026-11-01T00:00:00Z", "to": "2026-11-27T00:00:00Z", "rows": made}


@pytest.fixture
def world(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    service = {"metadata": {"name": "paceline-ledger"}, "spec": {"ports": [{"port": 8443}]}}
    api.items(f"{SYSTEM}/services", service)
    api.put(f"{SYSTEM}/serviceaccounts/paceline-ledger-reader/token", {"status": {"token": "x"}}, 201)
    api.put(DOOR, a_gateway(demo_door.NAME))
    api.put(CALLER, a_consumer(demo_door.CALLER))
    key = {"data": {"token": base64.b64encode(b"pl_x").decode()}}
    api.put("/api/v1/namespaces/models/secrets/visitor-key", key)
    answers = iter([rows(1)])
    whole = api.answer

    def answer(path: str) -> tuple[int, str, str]:
        if path == USAGE:  # one before, then as many as were asked
            return (200, "application/json", json.dumps(next(answers, rows(4, 2))))
        return whole(path)

    monkeypatch.setattr(api, "answer", answer)
    monkeypatch.setattr(demo_door.time, "sleep", lambda seconds: None)
    return api


@pytest.fixture
def play(world: FakeApi, monkeypatch: pytest.MonkeyPatch) -> Callable[[Door], None]:
    def run(door: Door) -> None:
        @contextmanager
        def through(*given: Any) -> Iterator[Door]:
            assert given[1:] == ("models", demo_door.NAME, "bot", "pl_x")
            yield door

        monkeypatch.setattr(demo_door.door, "through", through)
        demo_door.show_door(Steps(out), Cluster.connect(), "models", "paceline-system", "bot")

    return run


def test_it_is_asked_until_the_budget_is_used_up_and_the_usage_is_shown(
    world: FakeApi, play: Callable[[Door], None], capsys: pytest.CaptureFixture[str]
) -> None:
    door = Door(None, None, HELD, None, SPENT)
    play(door)
    shown = capsys.readouterr().out
    assert door.asked == 5
    assert "2 more questions answered, then 429 insufficient_quota: It is so." in shown
    assert "the ledger has 3 answers" in shown
    assert "kubectl get secret -n models visitor-key" in shown
    assert "pl_x" not in shown
    applied = [yaml.safe_load(body) for method, _, body in world.requests if method == "PATCH"]
    assert [each["kind"] for each in applied] == ["Gateway", "Consumer"]
    # What was spent by an earlier demo of this month comes on top.
    assert applied[1]["spec"]["budgets"][0]["amount"] == "0.200005"
    assert ["models/visitor", "bot", "4", "1", "1", "1", "1", "0.000005"] in [
        line.split() for line in shown.splitlines()
    ]


@pytest.mark.parametrize(
    ("refusals", "words"),
    [
        pytest.param([None, (503, "1", "admission_unavailable")], "answered 503 admission_unavailable", id="other"),
        pytest.param([None] * 20, "12 questions were answered", id="never"),
    ],
)
def test_a_budget_that_does_not_run_out_ends_the_demo(
    refusals: list[Any], words: str, play: Callable[[Door], None]
) -> None:
    with pytest.raises(CliError, match=words):
        play(Door(*refusals))


def test_a_door_that_does_not_open_ends_the_demo_with_its_own_words(
    world: FakeApi, play: Callable[[Door], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_door, "READY_SECONDS", -1)
    world.put(DOOR, a_gateway(demo_door.NAME, conditions=[cond("Ready", "False", "NoCapacity", "no node")]))
    with pytest.raises(CliError, match="NoCapacity: no node") as caught:
        play(Door())
    assert caught.value.code == ExitCode.NOT_READY
    assert "paceline explain gateway/front-door -n models" in caught.value.remedy


def test_records_that_do_not_come_end_the_demo(play: Callable[[Door], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_door, "LEDGER_SECONDS", -1)
    with pytest.raises(CliError, match="the ledger lacks records"):
        play(Door(None, None, None, None, None, SPENT))


def test_its_manifests_are_valid() -> None:
    for manifest in yaml.safe_load_all(demo_door.manifests("first-model", 200_000)):
        assert problems(manifest) == []
