"""The chain: the first link that does not hold is the cause, and it is named with numbers and a remedy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from paceline.cli.chain import State, View, chain, weakest
from tests.support.cli_objects import (
    NOW,
    cond,
    deployment,
    ended,
    endpoints,
    first,
    link,
    model,
    pod,
    replicaset,
    service,
    waiting,
    warning,
)

POD = "hello-956be3dd-66f-abcde"


def serving(**changes: Any) -> View:
    """A ModelDeployment whose every link holds, apart from `changes`."""
    whole = View(
        model=model(),
        now=NOW,
        deployment=deployment(),
        replicasets=[replicaset()],
        pods=[pod()],
        service=service(),
        slices=[endpoints()],
        operators=1,
    )
    return replace(whole, **changes)


def starting(**status: Any) -> dict[str, Any]:
    return model(conditions=[cond("Accepted", "True")], **status)


def test_every_link_of_a_serving_model_holds_and_says_so_with_numbers() -> None:
    links = chain(serving())
    assert weakest(links) is None
    assert [each.state for each in links] == [State.OK] * 14
    words = {each.name: each.text for each in links}
    assert words["spec"] == (
        "generation 1 asks for 1 replica of sim://llama-3-8b-h100 on profile sim; the operator has seen it"
    )
    assert words["profile"] == "profile sim: cpu 500m, memory 512Mi for each replica"
    assert words["replicaset"] == "hello-956be3dd-66f has made 1 of 1 pod"
    assert words["scheduled"] == "1 pod on node-1"
    assert words["started"] == "1 engine running, 0 restarts"
    assert words["ready"] == "1 of 1 replica ready, as the readiness probe says"
    assert words["answers"] == "Answering: 1 of 1 replicas answers (TTFT p95 31 ms, TPOT p95 7.2 ms)"
    assert words["service"] == (
        "hello-956be3dd sends requests to 1 pod; clients use http://hello-956be3dd.models.svc:80/v1"
    )


def test_an_object_that_no_operator_looked_at_leads_to_the_operator() -> None:
    found = first(View(model=model(observed=None, conditions=[]), now=NOW, operators=0))
    assert (found.name, found.state) == ("spec", State.FAILED)
    assert "it never looked at this object; 0 ready operator pods found" in found.text
    assert "paceline logs operator" in found.remedy
    assert "paceline enable models" in found.remedy


def test_a_new_object_is_given_some_seconds_before_the_operator_is_blamed() -> None:
    found = first(View(model=model(observed=None, conditions=[]), now=NOW - 95))
    assert (found.name, found.state) == ("spec", State.WAITING)


def test_a_change_that_the_operator_has_not_seen_names_both_generations() -> None:
    changed = model()
    changed["metadata"]["generation"] = 4
    found = first(serving(model=changed))
    assert (found.name, found.state) == ("spec", State.WAITING)
    assert "generation 4 asks for" in found.text
    assert "its last look was at generation 1" in found.text


def test_a_change_is_not_waited_for_where_no_operator_runs() -> None:
    changed = model()
    changed["metadata"]["generation"] = 2
    assert first(serving(model=changed, operators=0)).state is State.FAILED


def test_a_refused_manifest_is_the_cause_and_what_follows_is_not_reached() -> None:
    refused = model(conditions=[cond("Accepted", "False", "UnknownProfile", "no profile h200; known: sim, cpu")])
    del refused["status"]["effective"]
    view = View(model=refused, now=NOW)
    found = first(view)
    assert (found.name, found.state) == ("accepted", State.FAILED)
    assert found.text == "UnknownProfile: no profile h200; known: sim, cpu"
    later = [each.state for each in chain(view) if each.name not in {"spec", "accepted"}]
    assert later == [State.NOT_REACHED] * 12


def test_a_refused_change_leaves_what_was_accepted_before_and_says_so() -> None:
    changed = model(conditions=[cond("Accepted", "False", "UnknownProfile"), cond("Available", "True", "Answering")])
    changed["spec"]["hardware"]["profile"] = "h300"
    changed["status"]["effective"]["profile"] = "sim"
    view = serving(model=changed)
    assert first(view).name == "accepted"
    assert link(view, "profile").text.startswith("still profile sim, as accepted before: cpu")
    assert link(view, "deployment").state is State.OK


def test_before_the_operator_decides_nothing_else_is_judged() -> None:
    assert link(View(model=model(conditions=[]), now=NOW), "accepted").state is State.NOT_REACHED


def test_an_accepted_manifest_without_a_deployment_waits_for_the_operator() -> None:
    view = View(model=starting(), now=NOW)
    assert (first(view).name, first(view).state) == ("deployment", State.WAITING)
    assert link(view, "service").state is State.WAITING


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        pytest.param('pods "x" is forbidden: exceeded quota: gpus', "ResourceQuota", id="quota"),
        pytest.param('pods "x" is forbidden: violates PodSecurity "restricted"', "Pod Security level", id="security"),
        pytest.param('error looking up service account: serviceaccount "x" not found', "ServiceAccount", id="account"),
        pytest.param("an admission webhook said no", "change what the message names", id="webhook"),
    ],
)
def test_pods_that_the_api_server_refuses_are_told_with_a_fitting_remedy(message: str, remedy: str) -> None:
    refusing = deployment(cond("ReplicaFailure", "True", "FailedCreate", message))
    found = first(serving(model=starting(), deployment=refusing, pods=[]))
    assert (found.name, found.state) == ("deployment", State.FAILED)
    assert message in found.text
    assert remedy in found.remedy


def test_a_replicaset_that_lacks_pods_says_how_many_it_made() -> None:
    failing = replicaset("hello-956be3dd-66f", 1, cond("ReplicaFailure", "True", "FailedCreate", "exceeded quota: x"))
    found = first(serving(model=model(replicas=3), replicasets=[failing]))
    assert (found.name, found.state) == ("replicaset", State.FAILED)
    assert "has made 1 of 3 pods: exceeded quota" in found.text


def test_a_rollout_under_way_counts_new_and_older_pods_apart() -> None:
    sets = [replicaset("old", 1), replicaset("new", 2)]
    pods = [pod("old-1", owner="old"), pod("new-1", owner="new")]
    found = first(serving(model=model(replicas=2), replicasets=sets, pods=pods))
    assert (found.name, found.state) == ("replicaset", State.WAITING)
    assert found.text == "new has made 1 of 2 pods so far; 1 older pod still there"


def test_a_missing_replicaset_is_waited_for() -> None:
    assert first(serving(replicasets=[], pods=[])).text == "the Deployment has not made its ReplicaSet yet"


def test_a_passed_progress_deadline_is_mentioned() -> None:
    late = deployment(cond("Progressing", "False", "ProgressDeadlineExceeded"))
    assert link(serving(deployment=late), "deployment").text.endswith("its progress deadline has passed")


def test_a_model_at_zero_on_purpose_has_no_failing_link() -> None:
    zero = model(
        replicas=0, conditions=[cond("Accepted", "True"), cond("Available", "True", "ScaledToZero", "0 wanted")]
    )
    view = serving(model=zero, pods=[], slices=[])
    assert weakest(chain(view)) is None
    assert link(view, "service").text == "hello-956be3dd has no pod to send to, as spec.replicas says"


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        pytest.param(
            "0/3 nodes are available: 3 Insufficient nvidia.com/gpu. preemption: 0/3 nodes",
            "free some nvidia.com/gpu, add nodes that have it, or choose another profile than sim",
            id="no-gpu",
        ),
        pytest.param(
            "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.", "label a node", id="labels"
        ),
        pytest.param('0/1 nodes are available: persistentvolumeclaim "m" not found.', "make the claim", id="claim"),
        pytest.param("0/1 nodes are available: 1 node(s) had untolerated taint {a: b}.", "taints", id="taint"),
        pytest.param("0/1 nodes are available: 1 Too many pods.", "make room", id="full"),
    ],
)
def test_a_pod_without_a_node_repeats_the_scheduler_and_says_what_helps(message: str, remedy: str) -> None:
    stuck = pod(node=None, conditions=(cond("PodScheduled", "False", "Unschedulable", message),))
    found = first(serving(model=starting(), pods=[stuck]))
    assert (found.name, found.state) == ("scheduled", State.FAILED)
    assert found.text == f"1 of 1 pod found no node: {message}"
    assert remedy in found.remedy


def test_a_pod_that_the_scheduler_has_not_seen_is_waited_for() -> None:
    assert first(serving(pods=[pod(node=None)])).state is State.WAITING


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"])
def test_an_image_that_cannot_be_had_is_named(reason: str) -> None:
    found = first(serving(model=starting(), pods=[pod(container=waiting(reason, "no such image"))]))
    assert (found.name, found.state) == ("image", State.FAILED)
    assert found.text == f"1 of 1 pod cannot get localhost/paceline:dev: {reason}: no such image"


def test_a_slow_image_is_waited_for_with_its_seconds() -> None:
    found = first(serving(pods=[pod(container=waiting("ContainerCreating"))]))
    assert (found.name, found.state) == ("image", State.WAITING)
    assert found.text == "1 of 1 pod still without localhost/paceline:dev after 100 s"


def test_a_pod_that_cannot_be_set_up_tells_its_newest_warning() -> None:
    events = [
        warning(POD, "older", "2026-11-24T03:00:00Z"),
        warning(POD, "no network for\nthe pod", "2026-11-24T03:01:00Z"),
        warning("another", "not ours", "2026-11-24T03:02:00Z"),
    ]
    found = first(serving(pods=[pod(container=waiting("ContainerCreating"))], events=events))
    assert (found.name, found.state) == ("image", State.FAILED)
    assert found.text.endswith("no network for the pod")


@pytest.mark.parametrize(
    ("last", "words", "remedy"),
    [
        pytest.param(
            ended(1, message="╭─ Error ──╮\n│ bad flag --x │\n╰──╯"),
            "exit code 1: Error bad flag --x",
            "--previous",
            id="exit",
        ),
        pytest.param(ended(137, "OOMKilled"), "more memory than its limit", "profile with more memory", id="memory"),
        pytest.param({}, "CrashLoopBackOff: back-off 10s", "--previous", id="unknown"),
    ],
)
def test_an_engine_that_ends_is_told_by_how_it_ended(last: dict[str, Any], words: str, remedy: str) -> None:
    crashing = waiting("CrashLoopBackOff", "back-off 10s", lastState=last, restartCount=4)
    found = first(serving(model=starting(), pods=[pod(container=crashing)]))
    assert (found.name, found.state) == ("started", State.FAILED)
    assert words in found.text
    assert found.text.endswith("4 restarts")
    assert remedy in found.remedy


def test_an_engine_that_begins_again_after_a_crash_is_running_with_a_restart() -> None:
    again = {"ready": True, "started": True, "restartCount": 1, "state": {"running": {}}, "lastState": ended(1)}
    assert link(serving(pods=[pod(container=again)]), "started").text == "1 engine running, 1 restart"


def test_one_of_two_engines_down_counts_both() -> None:
    pods = [pod("a"), pod("b", container=waiting("CreateContainerConfigError", "secret x not found"))]
    found = first(serving(model=model(replicas=2), pods=pods))
    assert found.text == "1 of 2 engines not running: CreateContainerConfigError: secret x not found, 0 restarts"


def test_a_loading_engine_shows_its_seconds_and_their_limit() -> None:
    loading = {"ready": False, "started": False, "state": {"running": {"startedAt": "2026-11-24T03:01:00Z"}}}
    events = [warning(POD, "Startup probe failed: 503")]
    found = first(serving(model=starting(), pods=[pod(container=loading)], events=events))
    assert (found.name, found.state) == ("ready", State.WAITING)
    assert "loading for 40 s of at most 1800 s; the last probe said: Startup probe failed: 503" in found.text


def test_an_engine_that_stopped_answering_its_probe_has_failed() -> None:
    deaf = {"ready": False, "started": True, "state": {"running": {"startedAt": "2026-11-24T03:00:10Z"}}}
    found = first(serving(pods=[pod(container=deaf)]))
    assert (found.name, found.state) == ("ready", State.FAILED)
    assert "then stopped answering its probe" in found.text


def test_ready_pods_that_give_no_answer_fail_the_answers_link() -> None:
    silent = model(conditions=[cond("Accepted", "True"), cond("Available", "False", "EngineNotAnswering", "500")])
    found = first(serving(model=silent))
    assert (found.name, found.text) == ("answers", "EngineNotAnswering: 500")


def test_answers_without_figures_or_without_a_word_yet() -> None:
    assert link(serving(model=model(display={})), "answers").text == "Answering: 1 of 1 replicas answers"
    assert link(serving(model=starting()), "answers").state is State.NOT_REACHED


def test_who_needs_a_key_is_told_where_it_is() -> None:
    locked = model()
    locked["spec"]["exposure"] = "GatewayOnly"
    assert link(serving(model=locked), "service").text.endswith("with the key of Secret hello-engine-key")


def test_a_service_without_ready_pods_sends_nothing() -> None:
    found = first(serving(slices=[endpoints(ready=False)]))
    assert (found.name, found.state) == ("service", State.WAITING)


def test_pods_on_their_way_out_are_not_looked_at() -> None:
    leaving = pod("leaving", container=waiting("CrashLoopBackOff"), deletionTimestamp="2026-11-24T03:01:00Z")
    assert weakest(chain(serving(pods=[pod(), leaving]))) is None


def test_long_messages_are_cut_and_many_nodes_are_counted() -> None:
    refused = model(conditions=[cond("Accepted", "False", "InvalidSpec", "x" * 1000)])
    assert len(first(serving(model=refused)).text) < 330
    pods = [pod(str(number), node=f"node-{number}") for number in range(5)]
    words = link(serving(model=model(replicas=5), pods=pods), "scheduled").text
    assert words == "5 pods on node-0, node-1, node-2 and 2 more"
