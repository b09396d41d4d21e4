import json

import pytest

from paceline.api.names import CHILD_SELECTOR
from paceline.errors import Conflict, Fenced, NotFound, Stalled, TooManyRequests, Transient, Unauthorized, Waiting
from paceline.kube import client as clients
from paceline.kube.client import METADATA, METADATA_LIST
from paceline.kube.family import MODELS
from paceline.kube.faults import fault
from paceline.kube.leader import Deadline
from paceline.kube.resources import LEASES, MODELDEPLOYMENTS, PODS, SERVICES, Key
from tests.support.apiserver import FakeApiServer, Fault
from tests.support.worlds import Clock, Closed, child, client, model


@pytest.fixture
async def server():
    async with FakeApiServer().running() as made:
        yield made


async def test_an_object_is_read_whole_or_by_its_metadata_and_absence_is_no_error(server, tmp_path):
    server.put(model())
    async with client(server, tmp_path) as api:
        whole = await api.get(MODELDEPLOYMENTS, "ml", "chat")
        slim = await api.get(MODELDEPLOYMENTS, "ml", "chat", accept=METADATA)
        none = await api.get(MODELDEPLOYMENTS, "ml", "other")
    assert whole["spec"]["replicas"] == 1
    assert "spec" not in slim
    assert none is None


async def test_requests_carry_the_credentials(server, tmp_path):
    async with client(server, tmp_path) as api:
        await api.items(MODELDEPLOYMENTS, "ml")
    assert server.calls[-1].headers["Authorization"] == "Bearer fake-token"


async def test_long_lists_come_in_pages_with_their_selector(server, tmp_path, monkeypatch):
    monkeypatch.setattr(clients, "_PAGE", 2)
    for number in range(5):
        server.put(child(name=f"s{number}"))
    async with client(server, tmp_path) as api:
        version, items = await api.items(SERVICES, None, selector=CHILD_SELECTOR, accept=METADATA_LIST)
    assert [one["metadata"]["name"] for one in items] == [f"s{number}" for number in range(5)]
    assert int(version) > 0
    assert len(server.calls) == 3


async def test_a_list_that_expires_half_way_is_begun_again(server, tmp_path, monkeypatch):
    monkeypatch.setattr(clients, "_PAGE", 2)
    for number in range(5):
        server.put(child(name=f"s{number}"))
    server.faults = [Fault(lambda call: "continue" in call.query, status=410)]
    async with client(server, tmp_path) as api:
        _, items = await api.items(SERVICES, "ml")
        assert len(items) == 5
        server.faults = [Fault(lambda call: "continue" in call.query, times=99, status=410)]
        with pytest.raises(Transient, match="expired 3 times"):
            await api.items(SERVICES, "ml")
        server.faults = [Fault(lambda call: True, status=500)]
        with pytest.raises(Transient, match="500"):
            await api.items(SERVICES, "ml")


async def test_no_write_leaves_without_the_lease(server, tmp_path):
    async with client(server, tmp_path, Closed()) as api:
        with pytest.raises(Fenced):
            await api.send("POST", SERVICES, SERVICES.path("ml"), child())
        await api.items(SERVICES, "ml")
    assert server.writes() == []


class Closing:
    """A fence that closes after the first look at it, as when the process stands still right then."""

    def __init__(self):
        self.looks = 0

    def remaining(self):
        self.looks += 1
        return 10.0 if self.looks == 1 else 0.0


async def test_no_write_leaves_when_the_lease_ended_while_it_waited_for_its_connection(server, tmp_path):
    async with client(server, tmp_path, Closing()) as api:
        with pytest.raises(Fenced):
            await api.send("POST", SERVICES, SERVICES.path("ml"), child())
    assert server.get("Service", "ml", child()["metadata"]["name"]) is None


async def test_a_write_gets_no_more_time_than_the_lease_surely_lasts(server, tmp_path):
    clock = Clock()
    deadline = Deadline(margin=0.0, clock=clock)
    deadline.extend(clock() + 0.2)
    server.faults = [Fault(lambda call: call.write, seconds=2, times=9)]
    async with client(server, tmp_path, deadline) as api:
        with pytest.raises(Transient, match="NetworkError"):
            await api.send("POST", SERVICES, SERVICES.path("ml"), child())
        clock.forward(1)
        with pytest.raises(Fenced):
            await api.send("POST", SERVICES, SERVICES.path("ml"), child())


async def test_writes_wait_for_the_ceiling(server, tmp_path):
    async with client(server, tmp_path) as api:
        api._ceiling.set(qps=20, burst=1)
        for number in range(3):
            await api.send("POST", SERVICES, SERVICES.path("ml"), child(name=f"s{number}"))
    assert len(server.writes()) == 3


async def test_what_goes_wrong_on_the_way_is_transient(server, tmp_path):
    async with client(server, tmp_path, timeout=0.1) as api:
        server.faults = [Fault(lambda call: True, seconds=1)]
        with pytest.raises(Transient, match="NetworkError"):
            await api.items(SERVICES, "ml")
        server.faults = [Fault(lambda call: True, lose=True)]
        with pytest.raises(Transient, match="NetworkError"):
            await api.send("POST", SERVICES, SERVICES.path("ml"), child())


async def test_a_refused_credential_is_read_anew_before_the_next_request(server, tmp_path):
    async with client(server, tmp_path) as api:
        server.faults = [Fault(lambda call: True, status=401)]
        path = server.kubeconfig(tmp_path)
        path.write_text(path.read_text().replace("fake-token", "next-token"))
        with pytest.raises(Unauthorized):
            await api.items(SERVICES, "ml")
        await api.items(SERVICES, "ml")
    assert server.calls[-1].headers["Authorization"] == "Bearer next-token"


@pytest.mark.parametrize("answer", [b"<html>", b"[]"])
def test_an_answer_that_is_no_object_is_transient(answer):
    api = object.__new__(clients.Api)
    with pytest.raises(Transient, match="BadAnswer"):
        api._parsed(200, answer, {}, "get x")


def status(message: str = "words", **details: object) -> bytes:
    return json.dumps({"kind": "Status", "message": message, "details": details}).encode()


@pytest.mark.parametrize(
    ("code", "body", "kind", "reason"),
    [
        (409, status(), Conflict, "Conflict"),
        (412, status(), Conflict, "Conflict"),
        (404, status(), NotFound, "NotFound"),
        (401, status(), Unauthorized, "Unauthorized"),
        (410, status(), Transient, "Expired"),
        (422, status("spec.ports: Required value"), Stalled, "ApplyRefused"),
        (400, status(), Stalled, "ApplyRefused"),
        (500, status(), Transient, "ServerError"),
        (503, b"<html>bad gateway</html>", Transient, "ServerError"),
        (403, status('pods "x" is forbidden: exceeded quota: small'), Waiting, "QuotaExceeded"),
        (403, status('User "op" cannot patch resource "services"'), Waiting, "ApplyRefused"),
        (403, status("admission webhook said no"), Waiting, "ApplyRefused"),
        (403, status(causes=[{"reason": "NamespaceTerminating"}]), Transient, "NamespaceTerminating"),
    ],
)
def test_each_answer_means_one_of_our_errors(code, body, kind, reason):
    found = fault(code, body, {}, "patch /x")
    assert (type(found), found.reason) == (kind, reason)
    assert found.message


def test_a_forbidden_verb_names_the_remedy():
    found = fault(403, status('User "op" cannot patch resource "services"'), {}, "patch /x")
    assert "paceline enable" in found.message


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"Retry-After": "7"}, b"", 7),
        ({}, status(retryAfterSeconds=3), 3),
        ({}, b"", 1),
        ({"Retry-After": "86400"}, b"", 60),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, b"", 1),
    ],
)
def test_the_server_says_how_long_to_pause(headers, body, seconds):
    found = fault(429, body, headers, "patch /x")
    assert isinstance(found, TooManyRequests)
    assert found.retry_after == seconds


def test_words_of_the_server_are_cut():
    assert len(fault(500, status("x" * 5000), {}, "get /x").message) < 600


def test_paths_are_those_of_kubernetes():
    assert PODS.path("ml") == "/api/v1/namespaces/ml/pods"
    assert PODS.path(None) == "/api/v1/pods"
    assert MODELDEPLOYMENTS.path("ml", "a/b", "status") == (
        "/apis/paceline.dev/v1alpha1/namespaces/ml/modeldeployments/a%2Fb/status"
    )
    assert LEASES.api_version == "coordination.k8s.io/v1"
    assert {resource.kind for resource in MODELS.applied} == {
        "ControllerRevision",
        "Deployment",
        "Job",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
        "ServiceAccount",
    }
    assert str(Key("ml", "chat")) == "ml/chat"
