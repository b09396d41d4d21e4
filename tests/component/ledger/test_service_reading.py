"""What people and the operator read: usage, objectives, history; and the document that all of it rests on."""

from __future__ import annotations

import asyncio
import json
import os

import pytest

from paceline.api.record import Outcome
from paceline.ledger import export
from tests.support.ledger import MINUTE, NOW
from tests.support.ledger_config import DEPLOYMENT, a_budget, a_config, a_consumer, a_deployment, a_gateway
from tests.support.ledger_service import TOKENS, Clock, eventually, replicas
from tests.support.records import MONDAY, record

DAY = "from=2026-11-02T00:00:00Z&to=2026-11-03T00:00:00Z"


@pytest.fixture
async def desk(url, tmp_path):
    async with replicas(url, tmp_path, now_us=Clock(NOW)) as (one,):
        await one.configure(a_config(deployments=[a_deployment()]))
        await one.send(
            record(),
            record(id="2", consumer="shop/b", team="sales", backend="spare", request_class="order-status"),
            record(id="3", ttft_us=600_000, outcome=Outcome.COMPLETED, streamed=True),
        )
        yield one


async def read(desk, path, status=200):
    answer = await desk.ask("GET", path, "reader")
    assert answer.status == status, answer.text
    return answer.json


async def test_usage_is_summed_by_consumer_unless_asked_otherwise(desk):
    found = await read(desk, f"/v1/usage?{DAY}")
    assert (found["from"], found["to"]) == ("2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z")
    assert [(row["consumer"], row["attempts"], row["costMicros"]) for row in found["rows"]] == [
        ("shop/acme", 2, 2000),
        ("shop/b", 1, 1000),
    ]
    first = found["rows"][0]
    assert (first["inputTokens"], first["cachedInputTokens"], first["outputTokens"]) == (2000, 800, 200)
    assert (first["cost"], first["unpricedAttempts"], first["reasoningTokens"]) == ("0.002", 0, 0)


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("by=backend", [("main",), ("spare",)]),
        ("by=class,team", [("other", "support"), ("order-status", "sales")]),
        ("by=route,model,gateway", [("support-bot", "support-llm", "platform/public")]),
        ("by=team&consumer=shop/b", [("sales",)]),
        ("by=consumer&class=order-status", [("shop/b",)]),
        ("by=consumer&backend=none", []),
        ("by=", [()]),
    ],
)
async def test_usage_is_grouped_and_kept_to_what_is_asked(desk, query, keys):
    rows = (await read(desk, f"/v1/usage?{DAY}&{query}"))["rows"]
    names = [name for name in query.split("&")[0].removeprefix("by=").split(",") if name]
    assert [tuple(row[name] for name in names) for row in rows] == keys


async def test_usage_of_another_time_is_not_in_it(desk):
    assert (await read(desk, "/v1/usage?from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z"))["rows"] == []
    assert len((await read(desk, "/v1/usage"))["rows"]) == 2


async def test_each_attempt_is_a_line_of_its_own_over_all_pages(desk, monkeypatch):
    monkeypatch.setattr(export, "PAGE", 2)
    answer = await desk.ask("GET", f"/v1/export?{DAY}", "reader")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/x-ndjson")
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert [(row["id"], row["consumer"], row["costMicros"]) for row in rows] == [
        ("r1.1", "shop/acme", 1000),
        ("2", "shop/b", 1000),
        ("3", "shop/acme", 1000),
    ]
    assert rows[0]["startedTime"] == "2026-11-02T10:00:00.000000Z"


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        (f"{DAY}&consumer=shop/b", ["2"]),
        (f"{DAY}&consumer=shop/none", []),
        ("from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z", []),
        ("", ["r1.1", "2", "3"]),
    ],
)
async def test_attempts_are_kept_to_what_is_asked(desk, query, ids):
    answer = await desk.ask("GET", f"/v1/export?{query}", "reader")
    assert [json.loads(line)["id"] for line in answer.text.splitlines()] == ids


async def test_a_token_in_the_header_of_its_own_is_as_good(desk):
    """The API server's proxy passes no Authorization header on."""
    for token, status in ((TOKENS["reader"], 200), ("wrong", 401), ("", 401)):
        assert (await desk.ask("GET", "/v1/usage", headers={"X-Paceline-Token": token})).status == status


@pytest.mark.parametrize("window", [300, 86_400])
async def test_objectives_are_told_by_deployment_and_revision(desk, window):
    found = await read(desk, f"/v1/slo?window={window}")
    assert (found["windowSeconds"], list(found["deployments"])) == (window, [DEPLOYMENT])
    (figures,) = found["deployments"][DEPLOYMENT].values()
    assert (figures["requests"], figures["eligible"], figures["good"]) == (3, 3, 2)
    assert figures["attainmentPercent"] == 66.6667
    assert figures["ttftMilliseconds"]["count"] == 3
    assert figures["ttftMilliseconds"]["p50"] == pytest.approx(200, rel=0.01)
    assert figures["ttftMilliseconds"]["p99"] == pytest.approx(600, rel=0.01)
    assert figures["tpotMilliseconds"]["p50"] == pytest.approx(10, rel=0.01)


async def test_one_question_tells_of_all_deployments_with_their_revisions_together(desk):
    await desk.send(record(id="7", revision="next"), record(id="8", deployment="ml/other"))
    found = (await read(desk, "/v1/slo?by=deployment"))["deployments"]
    assert {name: (each["eligible"], each["good"]) for name, each in found.items()} == {
        DEPLOYMENT: (4, 3),
        "ml/other": (1, 1),
    }
    assert found[DEPLOYMENT]["ttftMilliseconds"]["count"] == 4
    assert list((await read(desk, "/v1/slo?by=deployment&deployment=ml/other"))["deployments"]) == ["ml/other"]
    assert (await read(desk, "/v1/slo?by=deployment&deployment=ml/none"))["deployments"] == {}


async def test_a_deployment_without_requests_has_no_figures_and_no_percentage(desk):
    assert (await read(desk, "/v1/slo?deployment=ml/none"))["deployments"] == {"ml/none": {}}
    await desk.send(
        record(id="4", deployment="ml/idle", outcome=Outcome.REFUSED, status=400, ttft_us=None, last_us=None)
    )
    (figures,) = (await read(desk, "/v1/slo?deployment=ml/idle"))["deployments"]["ml/idle"].values()
    assert (figures["requests"], figures["eligible"], figures["attainmentPercent"]) == (1, 0, None)
    assert figures["ttftMilliseconds"] == {"count": 0, "p50": None, "p95": None, "p99": None}


async def test_history_has_a_quarter_of_an_hour_for_each_revision(desk):
    await desk.send(record(id="5", started_us=MONDAY - 16 * MINUTE), record(id="6", revision="other"))
    found = await read(desk, f"/v1/history?deployment={DEPLOYMENT}")
    assert found["spanSeconds"] == 900
    assert [(row["start"], row["requests"]) for row in found["deployments"][DEPLOYMENT]] == [
        ("2026-11-02T09:30:00Z", 1),
        ("2026-11-02T10:00:00Z", 1),
        ("2026-11-02T10:00:00Z", 3),
    ]


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/v1/usage?by=colour", "colour"),
        ("/v1/usage?from=yesterday", "from"),
        ("/v1/usage?to=1969-01-01T00:00:00Z", "to"),
        ("/v1/slo?window=0", "window"),
        ("/v1/slo?window=x", "window"),
        ("/v1/slo?by=colour", "colour"),
    ],
)
async def test_a_question_that_is_none_is_refused_with_its_parameter(desk, path, named):
    assert named in (await read(desk, path, 400))["message"]


async def test_metrics_count_what_was_recorded(desk):
    page = (await desk.ask("GET", "/metrics")).text
    assert f'paceline_requests_eligible_total{{deployment="{DEPLOYMENT}"}}' in page
    assert f'paceline_tokens_total{{deployment="{DEPLOYMENT}",direction="output"}}' in page


async def test_the_objective_stands_beside_what_it_is_held_against_as_long_as_there_is_one(desk):
    share = f'paceline_slo_objective_ratio{{deployment="{DEPLOYMENT}"}}'
    slo = {"ttftMilliseconds": 500, "objectivePercent": "99.5"}
    await desk.configure(a_config(2, deployments=[a_deployment(slo=slo)]))
    assert f"{share} 0.995" in (await desk.ask("GET", "/metrics")).text
    await desk.configure(a_config(3, deployments=[a_deployment()]))
    assert share not in (await desk.ask("GET", "/metrics")).text


@pytest.mark.parametrize(
    ("method", "path", "may"),
    [
        ("POST", "/v1/records", "pod-1"),
        ("GET", "/v1/deny", "pod-1"),
        ("PUT", "/v1/config", "operator"),
        ("POST", "/v1/places", "peer"),
        ("GET", "/v1/usage", "reader"),
        ("GET", "/v1/export", "reader"),
        ("GET", "/v1/slo", "reader"),
        ("GET", "/v1/history", "reader"),
    ],
)
async def test_each_path_is_for_those_whose_token_says_so(desk, method, path, may):
    for who in ("pod-1", "operator", "peer", "reader"):
        assert ((await desk.ask(method, path, who)).status in {401, 403}) == (who != may)
    assert (await desk.ask(method, path)).status == 401
    for header in ("Bearer wrong", "Bearer ", f"Basic {TOKENS[may]}", TOKENS[may]):
        assert (await desk.ask(method, path, headers={"Authorization": header})).status == 401


async def test_a_gateway_that_is_not_known_is_no_fault_of_its_clients(desk):
    """Whatever is answered here reaches a client, whose own key is right."""
    for who in ("", "operator", "reader", "peer"):
        answer = await desk.ask("POST", "/v1/admission", who)
        assert answer.error == (503, "admission_unavailable")
        assert int(answer.headers["retry-after"]) > 0


async def test_an_address_or_method_that_there_is_not_is_told(desk):
    assert (await desk.ask("GET", "/v2")).json["reason"] == "NotFound"
    assert (await desk.ask("DELETE", "/v1/usage", "reader")).json["message"] == "Use GET, HEAD."


async def test_what_nobody_expected_is_told_without_its_words(desk, monkeypatch):
    def fails(*_):
        raise ZeroDivisionError("inner secret")

    monkeypatch.setattr("paceline.ledger.usage.rollup", fails)
    answer = await desk.ask("GET", "/v1/usage", "reader")
    assert (answer.status, answer.json["reason"]) == (500, "Internal")
    assert "secret" not in answer.text


async def test_an_older_document_is_refused_and_the_same_one_is_not(desk):
    known = a_config(deployments=[a_deployment()])
    assert (await desk.configure(known)).status == 200
    assert (await desk.configure(a_config(5))).json == {"generation": 5}
    for document in (known, a_config(5, consumers=[])):
        answer = await desk.configure(document)
        assert (answer.status, answer.json["generation"]) == (409, 5)


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({"generation": "x"}, "document.generation"),
        (a_config(9, consumers=[a_consumer(), a_consumer()]), "twice"),
        (
            a_config(9, consumers=[a_consumer(budgets=[a_budget(timeZone="Mars/Base")])]),
            "consumer shop/acme: 'Mars/Base'",
        ),
        (a_config(9, gateways=[a_gateway(prices=[{"name": "p", "model": "m"}])]), "inputPerMillion"),
        (
            a_config(
                9,
                gateways=[
                    a_gateway(
                        prices=[
                            {"name": "p", "model": "m", "inputPerMillion": "99999999", "outputPerMillion": "1"},
                        ]
                    )
                ],
            ),
            "gateway platform/public: price 'p'",
        ),
    ],
)
async def test_a_document_that_is_wrong_leaves_the_last_one_in_force(desk, document, named):
    answer = await desk.configure(document)
    assert answer.status == 400
    assert named in answer.json["message"]
    assert (await desk.ask("GET", "/v1/config", "operator")).json == {"generation": 1}
    assert (await desk.admit()).status == 200


async def test_prices_hold_from_their_time_on(desk):
    later = {"name": "new", "model": "support-llm", "inputPerMillion": "2", "outputPerMillion": "4"}
    later |= {"effectiveTime": "2026-11-02T10:00:00Z", "cachedInputPerMillion": "1", "backend": "main"}
    gateway = a_gateway()
    await desk.configure(a_config(2, gateways=[gateway | {"prices": [*gateway["prices"], later]}]))
    await desk.send(
        record(id="7", consumer="shop/p", started_us=MONDAY - 1),
        record(id="8", consumer="shop/q", started_us=MONDAY),
        record(id="9", consumer="shop/r", started_us=MONDAY, backend="spare"),
    )
    rows = (await read(desk, f"/v1/usage?{DAY}"))["rows"]
    assert {row["consumer"]: row["costMicros"] for row in rows if row["consumer"][-1] in "pqr"} == {
        "shop/p": 1000,
        "shop/q": 2000,
        "shop/r": 1000,
    }


async def test_a_file_is_taken_in_when_another_one_is_renamed_over_it(url, tmp_path):
    path = tmp_path / "config.yaml"

    def write(text):
        (tmp_path / "new").write_text(text)
        os.replace(tmp_path / "new", path)

    async with replicas(url, tmp_path, now_us=Clock(NOW), config_file=path) as (desk,):

        async def at(generation):
            return (await desk.ask("GET", "/v1/config", "operator")).json == {"generation": generation}

        async def refused(reason, before):
            name = f'paceline_ledger_config_refused_total{{reason="{reason}"}} '
            for line in (await desk.ask("GET", "/metrics")).text.splitlines():
                if line.startswith(name):
                    return float(line.removeprefix(name)) > before
            return False

        assert await at(0)
        write(json.dumps(a_config(3)))
        await eventually(lambda: at(3), 2, "the file to be read")
        for text, reason in (("{", "Invalid"), ("generation: x", "Invalid"), (json.dumps(a_config(2)), "Outdated")):
            before = 0.0
            while await refused(reason, before):
                before += 1
            write(text)
            await eventually(lambda r=reason, b=before: refused(r, b), 2, f"{text} to be refused")
            assert await at(3)
        write(json.dumps(a_config(4)))
        await eventually(lambda: at(4), 2, "the file to be read again")
        assert (await desk.admit()).status == 200
        await asyncio.sleep(0)
