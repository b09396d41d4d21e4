"""Raw objects of the API server, read into views."""

from __future__ import annotations

import pytest

from paceline.decide.observation import DeploymentView, PodView, ReplicaSetView
from paceline.decide.views import deployment_view, fetch_view, gateway_pod_view, pod_view, replica_set_view

POD = {
    "metadata": {"name": "chat-1-a", "uid": "u1", "labels": {"paceline.dev/revision": "r2"}},
    "status": {
        "phase": "Running",
        "podIP": "10.0.0.1",
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "True"}],
        "containerStatuses": [
            {"name": "sidecar", "restartCount": 9},
            {"name": "engine", "started": True, "restartCount": 1, "state": {"running": {}}},
        ],
    },
}


def with_engine(**status):
    return pod_view({**POD, "status": {"containerStatuses": [{"name": "engine", **status}]}})


def test_a_pod_that_was_just_made_has_nothing_yet():
    assert pod_view({"metadata": {"name": "a", "uid": "u"}}) == PodView(name="a", uid="u", revision="")


def test_a_ready_pod_is_read():
    view = pod_view(POD)
    assert (view.ready, view.started, view.ip, view.revision, view.restarts) == (True, True, "10.0.0.1", "r2", 1)
    assert view.exit_code is None
    assert not view.deleting


def test_a_pod_that_is_being_deleted_is_seen_as_such():
    assert pod_view({"metadata": {"name": "a", "deletionTimestamp": "2026-11-24T12:00:00Z"}}).deleting


def test_why_a_container_waits_is_read():
    view = with_engine(state={"waiting": {"reason": "ErrImagePull", "message": "not found"}})
    assert (view.waiting, view.waiting_message) == ("ErrImagePull", "not found")


def test_how_the_last_run_ended_is_read_with_its_length():
    ended = {
        "exitCode": 137,
        "reason": "Error",
        "message": "bye",
        "startedAt": "2026-11-24T12:00:00Z",
        "finishedAt": "2026-11-24T12:30:01Z",
    }
    view = with_engine(state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState={"terminated": ended})
    assert (view.exit_code, view.exit_reason, view.exit_message, view.ran_seconds) == (137, "Error", "bye", 1801)


def test_a_run_that_just_ended_comes_before_the_one_before_it():
    view = with_engine(state={"terminated": {"exitCode": 1}}, lastState={"terminated": {"exitCode": 2}})
    assert view.exit_code == 1


def test_the_schedulers_words_are_read_only_while_it_finds_no_node():
    waiting = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
    gated = waiting | {"reason": "SchedulingGated"}
    assert pod_view({**POD, "status": {"conditions": [waiting]}}).unschedulable == "0/1 nodes"
    assert pod_view({**POD, "status": {"conditions": [gated]}}).unschedulable == ""


def test_a_pod_whose_node_reports_no_more_is_lost():
    ready, gone = ({"type": "Ready", "status": status} for status in ("True", "False"))
    serving = [{"name": "engine", "ready": True}]
    assert pod_view({**POD, "status": {"conditions": [gone], "containerStatuses": serving}}).lost
    assert not pod_view({**POD, "status": {"conditions": [ready], "containerStatuses": serving}}).lost
    failing = [{"name": "engine", "ready": False}]
    assert not pod_view({**POD, "status": {"conditions": [gone], "containerStatuses": failing}}).lost


def test_a_pod_that_mounts_a_key_is_locked():
    keyed = {"volumes": [{"name": "tmp"}, {"name": "engine-key"}]}
    assert pod_view({**POD, "spec": keyed}).locked
    assert not pod_view({**POD, "spec": {"volumes": [{"name": "tmp"}]}}).locked
    assert not pod_view({**POD, "spec": {}}).locked


def test_what_a_fetching_container_said_is_read_until_it_ended_well():
    def view(state, **last):
        fetch = {"name": "fetch", "state": state, "lastState": last}
        return pod_view({**POD, "status": {"initContainerStatuses": [fetch]}}).unfetched

    failed = {"terminated": {"exitCode": 1, "message": "disk full"}}
    assert view(failed) == "disk full"
    assert view({"waiting": {"reason": "CrashLoopBackOff"}}, **failed) == "disk full"
    assert view({"terminated": {"exitCode": 137}}) == "exit code 137"
    assert view({"terminated": {"exitCode": 0}}, **failed) == ""
    assert view({"running": {}}) == ""


def test_a_pod_that_looks_sources_up_is_read():
    labels = {"app.kubernetes.io/component": "fetch", "paceline.dev/sources": "abc"}
    metadata = {"name": "f", "labels": labels, "creationTimestamp": "2026-11-24T12:00:00Z"}

    def view(**status):
        return fetch_view({"metadata": metadata, "status": status})

    new = view()
    assert (new.name, new.request, new.created, new.phase, new.report, new.trouble) == (
        "f", "abc", "2026-11-24T12:00:00Z", "", "", "",
    )  # fmt: skip
    ended = {"terminated": {"exitCode": 3, "reason": "Error", "message": "{}"}}
    done = view(phase="Failed", containerStatuses=[{"name": "fetch", "state": ended}])
    assert (done.phase, done.report, done.trouble) == ("Failed", "{}", "exit code 3 (Error)")
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}
    assert view(containerStatuses=[{"name": "fetch", "state": waiting}]).trouble == "no such image"
    nowhere = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
    assert view(conditions=[nowhere]).trouble == "0/1 nodes"
    assert view(phase="Failed", reason="Evicted", message="disk").trouble == "Evicted: disk"


def test_a_failed_pod_says_why():
    assert (
        pod_view({**POD, "status": {"phase": "Failed", "reason": "Evicted", "message": "disk"}}).failed
        == "Evicted: disk"
    )
    assert pod_view({**POD, "status": {"phase": "Failed"}}).failed == "Failed: no message"


def test_a_new_deployment_has_no_status_yet():
    view = deployment_view({"metadata": {"name": "d"}, "spec": {}})
    assert view == DeploymentView("d", "", 0, 0, 1, 0, 0, 0, 0)


def test_a_deployment_is_read():
    raw = {
        "metadata": {"name": "d", "generation": 4},
        "spec": {"replicas": 3, "template": {"metadata": {"labels": {"paceline.dev/revision": "r2"}}}},
        "status": {
            "observedGeneration": 4,
            "replicas": 4,
            "updatedReplicas": 2,
            "readyReplicas": 3,
            "availableReplicas": 1,
            "conditions": [
                {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"},
                {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"},
            ],
        },
    }
    assert deployment_view(raw) == DeploymentView("d", "r2", 4, 4, 3, 4, 2, 3, 1, "ReplicaSetUpdated", "exceeded quota")


def test_a_deployment_says_how_it_replaces_pods_and_whether_it_does():
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2, "maxUnavailable": 1}}
    view = deployment_view({"metadata": {"name": "d"}, "spec": {"paused": True, "strategy": rolling}})
    assert (view.paused, view.surge, view.unavailable, view.recreates) == (True, 2, 1, False)
    view = deployment_view({"metadata": {"name": "d"}, "spec": {"strategy": {"type": "Recreate"}}})
    assert (view.paused, view.surge, view.unavailable, view.recreates) == (False, 0, 0, True)


def test_a_replicaset_is_read():
    noted = {"deployment.kubernetes.io/desired-replicas": "5"}
    raw = {
        "metadata": {"name": "d-1", "generation": 2, "annotations": noted},
        "spec": {"replicas": 3},
        "status": {"observedGeneration": 2, "replicas": 2, "readyReplicas": 2, "availableReplicas": 1},
    }
    assert replica_set_view(raw) == ReplicaSetView(True, 3, 2, 1, 5)
    raw["metadata"] = {"name": "d-1", "generation": 3}
    assert replica_set_view(raw) == ReplicaSetView(False, 3, 2, 1, None)


def test_a_failure_that_is_over_is_not_read():
    over = {"conditions": [{"type": "ReplicaFailure", "status": "False", "message": "exceeded quota"}]}
    assert deployment_view({"metadata": {"name": "d"}, "spec": {}, "status": over}).failure == ""


@pytest.mark.parametrize(("started", "waiting"), [(False, "ErrImagePull"), (True, "CrashLoopBackOff")])
def test_a_pod_of_a_gateway_is_its_agent_until_that_has_started_and_then_envoy(started, waiting):
    agent = {"name": "agent", "started": started, "state": {"waiting": {"reason": "ErrImagePull"}}}
    envoy = {"name": "envoy", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    status = {"initContainerStatuses": [agent], "containerStatuses": [envoy]}
    assert gateway_pod_view({"metadata": {"name": "a"}, "status": status}).waiting == waiting
