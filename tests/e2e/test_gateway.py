"""A Gateway on a real cluster: one key, one address, every model."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import APIStatusError, OpenAI

from paceline.local import envoy
from tests.support.helm import CHART
from tests.support.product import NAMESPACE, SYSTEM, Product, condition
from tests.support.prometheus import Prometheus, Target, prometheus

MODEL, GATEWAY, CONSUMER = "behind-a-door", "public", "site"


def manifest(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "paceline.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def consumer(**spec: Any) -> dict[str, Any]:
    return manifest("Consumer", CONSUMER, gatewayRefs=[{"name": GATEWAY}], models=["*"], **spec)


def said(product: Product, kind: str, name: str) -> dict[str, tuple[str, str, str]]:
    found = (product.find(kind, name) or {}).get("status") or {}
    return {one["type"]: (one["status"], one["reason"], one["message"]) for one in found.get("conditions") or ()}


def is_true(product: Product, kind: str, name: str, *types: str) -> bool:
    found = product.find(kind, name)
    return all(condition(found, each).get("status") == "True" for each in types)


@pytest.fixture(scope="module")
def door(product: Product) -> Iterator[str]:
    """The address of a Gateway that serves a model to a Consumer."""
    assert product.cluster.local is not None
    envoy.load(product.cluster.local)
    product.serve(MODEL)
    product.apply(manifest("Gateway", GATEWAY, replicas=1, routesFrom="AllModelDeployments"))
    product.apply(consumer())
    try:
        product.eventually(
            lambda: is_true(product, "gateways.paceline.dev", GATEWAY, "Ready", "Programmed"), 120, "the Gateway serves"
        )
        product.eventually(lambda: is_true(product, "consumer", CONSUMER, "Ready"), 60, "the Consumer is known")
    except AssertionError as late:
        words = [said(product, "gateways.paceline.dev", GATEWAY), said(product, "consumer", CONSUMER)]
        raise AssertionError(f"{late}; {words}") from None
    service = product.find("service", f"{GATEWAY}-gateway")
    assert service is not None
    yield f"http://{service['spec']['clusterIP']}:8080"
    for kind, name in (("consumer", CONSUMER), ("gateways.paceline.dev", GATEWAY), ("mdep", MODEL)):
        product.delete(kind, name)


@pytest.fixture(scope="module")
def key(product: Product, door: str) -> str:
    secret = product.find("secret", f"{CONSUMER}-key")
    assert secret is not None
    return base64.b64decode(secret["data"]["token"]).decode()


def client(door: str, key: str) -> OpenAI:
    return OpenAI(base_url=f"{door}/v1", api_key=key, max_retries=0)


def ask(door: str, key: str, model: str = MODEL) -> str:
    stream = client(door, key).chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Hello"}], max_tokens=16, stream=True
    )
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def test_a_key_gets_a_streamed_answer(door: str, key: str) -> None:
    assert ask(door, key)


def test_the_models_of_the_key_are_listed(door: str, key: str) -> None:
    assert [each.id for each in client(door, key).models.list()] == [MODEL]


def test_without_a_key_nobody_is_answered(door: str) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}
    assert httpx.post(f"{door}/v1/chat/completions", json=body).status_code == 401


def test_a_model_that_is_not_there_is_not_found(door: str, key: str) -> None:
    with pytest.raises(APIStatusError) as error:
        ask(door, key, "nothing")
    assert error.value.status_code == 404


def test_a_suspended_consumer_is_refused_and_let_in_again(product: Product, door: str, key: str) -> None:
    def status() -> int:
        body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
        return httpx.post(
            f"{door}/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {key}"}
        ).status_code

    assert status() == 200
    product.apply(consumer(suspended=True))
    product.eventually(lambda: status() == 403, 5, "the suspended Consumer is refused")
    product.apply(consumer(suspended=False))
    product.eventually(lambda: status() == 200, 5, "it is let in again")


def test_each_request_is_recorded_once(product: Product, door: str, key: str) -> None:
    service = product.find("service", "paceline-ledger", SYSTEM)
    assert service is not None
    metrics = f"https://{service['spec']['clusterIP']}:8443/metrics"

    def recorded() -> float:
        page = httpx.get(metrics, verify=False).text  # noqa: S501 - its certificate is for its name in the cluster
        rows = [line for line in page.splitlines() if line.startswith("paceline_ledger_records_total{")]
        return sum(float(line.rpartition(" ")[2]) for line in rows if 'outcome="Recorded"' in line)

    seen: list[tuple[float, float]] = []

    def settled() -> bool:
        """No record came for as long as one of a request that broke may take."""
        count, now = recorded(), time.monotonic()
        if not seen or seen[-1][0] != count:
            seen.append((count, now))
        return now - seen[-1][1] > 6

    product.eventually(settled, 60, "the records of earlier requests are there")
    before = recorded()
    for _ in range(5):
        ask(door, key)
    product.eventually(lambda: recorded() == before + 5, 30, "five more are recorded")


def paceline(product: Product, *arguments: str) -> str:
    """What a command line prints, which must succeed."""
    command = [sys.executable, "-m", "paceline", *arguments]
    environment = {**os.environ, "KUBECONFIG": str(product.cluster.kubeconfig)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_line_chats_rotates_a_key_and_reads_the_usage_through_the_api_server(
    product: Product, door: str, key: str
) -> None:
    place = ("-n", NAMESPACE)
    assert paceline(product, "chat", MODEL, "--gateway", GATEWAY, "-m", "Hello", "--max-tokens", "8", *place).strip()
    added = paceline(product, "key", "rotate", CONSUMER, "--show", *place).strip()
    assert ask(door, added)
    assert ask(door, key)
    for each in (f"consumer/{CONSUMER}", f"gateway/{GATEWAY}"):
        assert "every link holds" in paceline(product, "explain", each, *place)
    mine = f"{NAMESPACE}/{CONSUMER}"

    def used() -> int:
        found = json.loads(paceline(product, "usage", "--by", "model", "--only", f"consumer={mine}", "-o", "json"))
        return sum(row["attempts"] for row in found["rows"] if row["model"] == MODEL)

    product.eventually(lambda: used() >= 3, 30, "the usage has three answers")
    rows = [json.loads(line) for line in paceline(product, "usage", "export", "--consumer", mine).splitlines()]
    assert len({each["id"] for each in rows}) == len(rows) >= 3
    assert {each["consumer"] for each in rows} == {mine}


#: Who is asked about before a request goes on, so that admissions and budgets are seen as well.
COUNTED = {
    "budgets": [{"name": "day", "amount": "5.00", "period": "Day", "timeZone": "UTC", "mode": "Soft"}],
    "limits": {"maxConcurrentRequests": 5},
}


def targets(product: Product) -> list[Target]:
    """What the chart's monitors name: the operator, the ledger, the pods of gateways."""
    chosen = {
        "operator": ("operator", 8080, False),
        "ledger": ("ledger", 8443, True),
        "gateway": ("gateways", 9003, False),
    }
    found = []
    for component, (name, port, tls) in chosen.items():
        namespace = NAMESPACE if component == "gateway" else SYSTEM
        for pod in product.items("pod", "-l", f"app.kubernetes.io/component={component}", namespace=namespace):
            labels = {"job": f"paceline-{name}", "namespace": namespace, "pod": pod["metadata"]["name"]}
            found.append(Target(f"{pod['status']['podIP']}:{port}", labels, tls))
    return found


def empty(seen: Prometheus) -> list[str]:
    """Queries of the chart's dashboards that have no data."""
    missing = []
    for path in sorted((CHART / "files" / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            missing += [f"{panel['title']}: {one['expr']}" for one in panel["targets"] if not seen.query(one["expr"])]
    return missing


def test_prometheus_finds_data_for_every_panel_and_a_healthy_rule_for_every_alert(
    product: Product, door: str, key: str, tmp_path: Path
) -> None:
    product.apply(consumer(**COUNTED))
    scraped = targets(product)
    assert len({target.labels["job"] for target in scraped}) == 3
    with prometheus(tmp_path, scraped, sorted((CHART / "files" / "alerts").glob("*.yaml"))) as seen:
        product.eventually(lambda: not seen.down(), 30, "everything is scraped")

        def complete() -> bool:
            ask(door, key)
            return not empty(seen)

        try:
            product.eventually(complete, 60, "every panel has data")
        except AssertionError:
            raise AssertionError(f"without data: {empty(seen)}") from None
        rules = seen.rules()
        assert len(rules) >= 20
        assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []
        assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []


def test_the_model_is_told_its_gateway_and_what_its_users_met(product: Product, door: str, key: str) -> None:
    def status() -> dict[str, Any]:
        return (product.find("mdep", MODEL) or {}).get("status") or {}

    address = f"http://{GATEWAY}-gateway.{NAMESPACE}.svc:8080/v1"
    product.eventually(lambda: status().get("endpoint") == address, 10, "the address is the Gateway's")
    assert condition({"status": status()}, "Accepted")["reason"] == "Bypassable"

    def counted() -> bool:
        ask(door, key)
        slo = status().get("slo") or {}
        return slo.get("source") == "Gateway" and slo["requests"] > 0 and "p95" in slo.get("ttftMilliseconds", {})

    product.eventually(counted, 75, "the figures are the ledger's")
