"""The process: killed at any moment it loses and doubles nothing, it ends in order, and it tells no secret."""

from __future__ import annotations

import json
import os
import random
import subprocess
import threading
import time

import httpx
import pytest

from paceline.api.record import write
from paceline.ledger import export, quarantine
from paceline.ledger.accounts import standings
from paceline.ledger.balance import differences
from paceline.settings import microseconds
from tests.support.ledger import COST, budget
from tests.support.ledger_config import a_budget, a_config, a_consumer
from tests.support.ledger_process import Process, process
from tests.support.ledger_service import TOKENS
from tests.support.records import record
from tests.support.waiting import wait_until

FULL = os.environ.get("PACELINE_TEST_SIZE") == "full"
KILLS = 20 if FULL else 6
RECORDS = 6000 if FULL else 1500
LINES = 20
CONSUMER = "shop/acme"


class Gateway:
    """A pod that asks for admission for each third request and sends its log until all of it is acknowledged."""

    def __init__(self, port, lines):
        self.lines = lines
        self.url = f"http://127.0.0.1:{port}"
        self.headers = {"Authorization": f"Bearer {TOKENS['pod-1']}"}
        self.sent = self.failures = self.admitted = 0
        self.over = threading.Event()

    def run(self):
        with httpx.Client(base_url=self.url, headers=self.headers, timeout=10) as client:
            while not self.over.is_set():
                try:
                    if self._step(client):
                        return
                except httpx.HTTPError:
                    self.failures += 1
                    self.over.wait(0.01)

    def _step(self, client):
        """A batch from where the ledger wants it; True once it has everything."""
        position = client.get("/v1/records", params={"log": "a"}).raise_for_status().json()["position"]
        number = position // len(self.lines[0])
        chunk = self.lines[number : number + LINES]
        if not chunk:
            return True
        for at, line in enumerate(chunk[:3]):
            said = {"client": "external.0123abcd.shop.acme", "model": "support-bot", "bound": 100, "prompt_bytes": 10}
            headers = {"x-request-id": json.loads(line)["requestId"], "x-pl-request": json.dumps(said)}
            answer = client.post("/v1/admission", headers=headers)
            self.admitted += answer.status_code == 200
            assert answer.status_code in {200, 503}, (at, answer.text)
        body = b"".join(b"%d %s\n" % (position + index * len(line), line[:-1]) for index, line in enumerate(chunk))
        end = position + sum(map(len, chunk))
        query = {"log": "a", "start": position, "end": end, "completeUs": 0}
        client.post("/v1/records", params=query, content=body).raise_for_status()
        self.sent = end
        return False


def a_log():
    """Lines of one length, so that a position says which line is next."""
    now = microseconds()
    return [write(record(id=f"{n:06}.1", request_id=f"{n:06}", started_us=now)) + b"\n" for n in range(RECORDS)]


def configure(running, document):
    headers = {"Authorization": f"Bearer {TOKENS['operator']}"}
    answer = httpx.put(f"http://127.0.0.1:{running.port}/v1/config", json=document, headers=headers)
    assert answer.status_code == 200, answer.text


def test_killed_at_any_moment_every_record_is_there_once_and_every_reservation_is_settled(url, tmp_path, store):
    lines, dice = a_log(), random.Random(5)
    with process(url, tmp_path) as running:
        configure(running, a_config(consumers=[a_consumer(budgets=[a_budget("500")], maxConcurrentRequests=1000)]))
        gateway = Gateway(running.port, lines)
        thread = threading.Thread(target=gateway.run)
        thread.start()
        try:
            size = sum(map(len, lines))
            for kill in range(KILLS):
                goal = size * (kill + dice.random()) / (2 * KILLS)
                wait_until(lambda goal=goal: gateway.sent >= goal, 60, "the gateway to get there", 0.001)
                end = time.monotonic() + dice.random() * 0.02
                while time.monotonic() < end:
                    pass
                running.kill()
                running.start()
            thread.join(120)
            assert not thread.is_alive()
        finally:
            gateway.over.set()
            thread.join(30)
        assert gateway.failures >= 1
        assert running.end() == 0
    now = microseconds()
    ids = [row["id"] for row in export.rows(store, 0, now)]
    assert sorted(ids) == [f"{number:06}.1" for number in range(RECORDS)]
    assert gateway.admitted > RECORDS / LINES
    assert quarantine.after(store) == []
    assert not differences(store, 0)
    standing = standings(store, CONSUMER, [budget()], now)["month"]
    assert (standing.spent, standing.reserved) == (RECORDS * COST, 0)


def test_after_sigterm_it_ends_in_order_and_knows_its_document_at_the_next_start(url, tmp_path):
    with process(url, tmp_path) as running:
        configure(running, a_config(7))
        assert httpx.get(f"http://127.0.0.1:{running.port}/readyz").status_code == 200
        assert running.end() == 0
        running.start()
        headers = {"Authorization": f"Bearer {TOKENS['operator']}"}
        found = httpx.get(f"http://127.0.0.1:{running.port}/v1/config", headers=headers)
        assert found.json() == {"generation": 7}
        assert httpx.get(f"http://127.0.0.1:{running.port}/readyz").status_code == 200


def test_before_there_is_a_document_it_is_alive_and_not_ready(url, tmp_path):
    with process(url, tmp_path) as running:
        base = f"http://127.0.0.1:{running.port}"
        assert httpx.get(f"{base}/healthz").status_code == 200
        assert httpx.get(f"{base}/readyz").status_code == 503
        assert "paceline_ledger_config_generation 0.0" in httpx.get(f"{base}/metrics").text


def test_no_token_and_no_password_is_in_its_log(tmp_path):
    """At the highest level, whatever is sent and however it fails."""
    folder = tmp_path / "secret-canary"
    folder.mkdir()
    with process(f"sqlite:///{tmp_path}/ledger.db", folder, "--log-level", "DEBUG") as running:
        configure(running, a_config())
        for path in ("/v1/records", "/v1/usage", "/v1/admission", "/nowhere"):
            for token in (*TOKENS.values(), "canary-of-a-stranger"):
                headers = {"Authorization": f"Bearer {token}", "x-pl-request": "{"}
                httpx.post(f"http://127.0.0.1:{running.port}{path}?log=%ff", headers=headers, content=b"canary")
        running.end()
        log = running.log.read_text()
    assert "generation 1 of the document" in log
    assert not [token for token in (*TOKENS.values(), "canary-of-a-stranger") if token in log]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("postgresql://ledger:canary-password@127.0.0.1:1/ledger", "database failed"),
        ("mysql://ledger:canary-password@db/ledger", "must be sqlite"),
    ],
)
def test_a_database_that_cannot_be_opened_is_told_without_its_password(tmp_path, text, named):
    found = Process(text, tmp_path)
    done = subprocess.run(found.command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert named in done.stderr
    assert "canary-password" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--replica", "ledger-0"], "NAME=URL"),
        (["--replica", "ledger-0=http://a", "--name", "ledger-1"], "none of the replicas"),
        (["--replica", "ledger=http://a", "--replica", "b=http://b"], "--peer-token-file"),
        (["--log-level", "LOUD"], "--log-level"),
    ],
)
def test_wrong_usage_is_told_with_the_option(tmp_path, options, named):
    found = Process(f"sqlite:///{tmp_path}/ledger.db", tmp_path, *options)
    done = subprocess.run(found.command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert named in done.stderr
