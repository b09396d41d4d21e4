"""Is the model served, and is it the wanted one? Each test is one situation of a cluster."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.api import reasons
from paceline.api.conditions import TYPES, Condition
from paceline.api.modeldeployment import KIND
from paceline.api.reason import event_type
from paceline.decide.fit import Fit
from paceline.decide.front import Front
from paceline.decide.health import assess, refused
from paceline.decide.observation import AnswerView, DeploymentView, Observation, PodView
from paceline.errors import Pending, Stalled
from tests.support import models
from tests.support.models import NOW, answer, deployment, pod, seen, starting

UNKNOWN_PROFILE = Stalled("UnknownProfile", 'spec.hardware.profile is "h1000". Use another.')
ANSWERED = {
    "conditions": [{"type": "Available", "status": "True", "reason": "Answering", "message": "1 of 1 replicas answer."}]
}


def look(observation, md=None, problem=None):
    """Conditions by type, as (status, reason)."""
    md = md or models.model({"replicas": observation.deployment.replicas if observation.deployment else 1})
    plan = None if problem else models.plan(md)
    made = assess(md, plan, observation, NOW, problem)
    return {c.type: (c.status, c.reason) for c in made.conditions}, made


def said(observation, md=None, problem=None, kind="Ready"):
    return look(observation, md, problem)[1].condition(kind).message


def test_at_first_sight_nothing_is_known_but_that_the_spec_is_accepted():
    found, _ = look(Observation())
    assert found == {
        "Ready": ("Unknown", "NotYetObserved"),
        "Available": ("Unknown", "NotYetObserved"),
        "Accepted": ("True", "Accepted"),
        "ModelResolved": ("True", "Resolved"),
        "Fits": ("Unknown", "NotYetObserved"),
        "Progressing": ("Unknown", "NotYetObserved"),
        "SLOMet": ("Unknown", "NoObjective"),
    }


@pytest.mark.parametrize(
    ("exposure", "front", "before", "reason"),
    [
        ("Auto", Front(), "Bypassable", "Accepted"),
        ("Auto", Front(url="http://a"), "", "Bypassable"),
        ("Auto", Front(known=False, url="http://a"), "", "Bypassable"),
        ("Auto", Front(known=False), "Bypassable", "Bypassable"),
        ("Auto", Front(known=False), "Accepted", "Accepted"),
        ("Auto", Front(known=False), "", "Accepted"),
        ("Cluster", Front(), "", "Bypassable"),
        ("GatewayOnly", Front(url="http://a"), "", "Accepted"),
    ],
)
def test_an_engine_that_answers_beside_its_gateway_is_said_to(exposure, front, before, reason):
    held = {"conditions": [{"type": "Accepted", "status": "True", "reason": before}]} if before else None
    md = models.model({"exposure": exposure}, status=held)
    found, made = look(seen(pod(), front=front), md)
    assert found["Accepted"] == ("True", reason)
    assert reason == "Accepted" or f"spec.exposure is {exposure}" in made.condition("Accepted").message


def test_a_model_that_answers_is_ready_and_available():
    found, made = look(seen(pod()))
    assert found == {
        "Ready": ("True", "Answering"),
        "Available": ("True", "Answering"),
        "Accepted": ("True", "Accepted"),
        "ModelResolved": ("True", "Resolved"),
        "Fits": ("True", "MemorySuffices"),
        "Progressing": ("False", "RolledOut"),
        "SLOMet": ("Unknown", "NoObjective"),
    }
    assert made.condition("Ready").message == "1 of 1 replicas answer."
    assert made.requeue_seconds is None


def test_pods_that_do_not_exist_yet_are_being_started():
    found, _ = look(
        seen(deployment=deployment(total=0, updated=0, ready=0, available=0, progress_reason="NewReplicaSetCreated"))
    )
    assert found["Available"] == ("False", "EngineStarting")
    assert found["Progressing"] == ("True", "RolloutInProgress")


def test_an_engine_that_loads_is_starting_and_nobody_is_warned():
    assert look(seen(starting()))[0]["Ready"] == ("False", "EngineStarting")
    assert event_type(reasons.BY_NAME, "EngineStarting") == "Normal"


def test_a_model_at_zero_on_purpose_is_ready():
    zero = models.model({"replicas": 0})
    found, _ = look(seen(deployment=deployment(0)), zero)
    assert found["Ready"] == found["Available"] == ("True", "ScaledToZero")


def test_a_model_on_its_way_to_zero_is_available_but_not_ready():
    found, _ = look(seen(pod(), deployment=deployment(1)), models.model({"replicas": 0}))
    assert found["Available"] == ("True", "ScaledToZero")
    assert found["Ready"] == ("False", "RolloutInProgress")


def test_a_new_model_at_zero_waits_for_its_children():
    found, _ = look(Observation(), models.model({"replicas": 0}))
    assert found["Ready"] == ("False", "RolloutInProgress")


def test_a_custom_engine_without_an_api_follows_the_readiness_of_its_pods():
    md = models.custom({"custom": {"inference": "None"}})
    found, _ = look(seen(pod(), answers=()), md)
    assert found["Ready"] == found["Available"] == ("True", "NotProbed")


def test_engines_that_ask_for_a_key_are_not_asked_and_follow_the_readiness_of_their_pods():
    found, made = look(seen(pod(locked=True), answers=()), models.model({"exposure": "GatewayOnly"}))
    assert found["Ready"] == found["Available"] == ("True", "NotProbed")
    assert "asks for a key" in made.condition("Available").message
    assert made.requeue_seconds is None


def test_while_a_pod_may_wait_for_its_key_it_is_looked_at_again():
    locked = starting(locked=True, waiting="ContainerCreating")
    assert look(seen(locked))[1].requeue_seconds == 10
    assert look(seen(starting(waiting="ContainerCreating")))[1].requeue_seconds is None
    assert look(seen(starting(locked=True, waiting="ImagePullBackOff")))[1].requeue_seconds is None


@pytest.mark.parametrize(
    ("exposure", "reason"), [("Auto", "Accepted"), ("Cluster", "Bypassable"), ("GatewayOnly", "Accepted")]
)
def test_who_chose_to_be_reached_by_anybody_is_told_so(exposure, reason):
    found, made = look(seen(pod()), models.model({"exposure": exposure}))
    assert found["Accepted"] == ("True", reason)
    assert ("without keys and budgets" in made.condition("Accepted").message) is (exposure == "Cluster")


class TestTestRequests:
    def test_ready_pods_that_were_not_asked_yet_are_unknown_and_looked_at_soon(self):
        found, made = look(seen(pod(), answers=()))
        assert found["Available"] == found["Ready"] == ("Unknown", "ProbePending")
        assert made.requeue_seconds is not None
        assert made.requeue_seconds <= 5

    def test_a_freshly_started_operator_holds_what_was_known(self):
        md = models.model(status=ANSWERED)
        found, made = look(seen(pod(), answers=()), md)
        assert found["Available"] == ("True", "Answering")
        assert made.condition("Available").message == "1 of 1 replicas answer."

    def test_an_old_answer_says_nothing_about_now(self):
        found, _ = look(seen(pod(), answers=(answer(pod(), ago=600),)))
        assert found["Available"] == ("Unknown", "ProbePending")

    def test_an_answer_of_a_pod_that_is_gone_does_not_count(self):
        found, _ = look(seen(pod(), answers=(answer(pod("gone")),)))
        assert found["Available"] == ("Unknown", "ProbePending")

    def test_a_model_that_fails_its_test_requests_is_not_available(self):
        observation = seen(pod(), answers=(answer(pod(), ok=False),))
        found, _ = look(observation, models.model(status=ANSWERED))
        assert found["Available"] == found["Ready"] == ("False", "EngineNotAnswering")
        assert "1 of 1 ready pods failed; chat-1-a: HTTP 500: out of blocks." in said(observation)

    def test_one_failure_does_not_make_a_served_model_unavailable(self):
        observation = seen(pod(), answers=(answer(pod(), ok=False, failures=1),))
        assert look(observation, models.model(status=ANSWERED))[0]["Available"] == ("True", "Answering")

    def test_one_failure_of_a_model_that_never_answered_is_shown(self):
        observation = seen(pod(), answers=(answer(pod(), ok=False, failures=1, message=""),))
        assert look(observation)[0]["Available"] == ("False", "EngineNotAnswering")
        assert "no answer" in said(observation)

    def test_one_replica_that_answers_is_enough(self):
        pods = (pod("a"), pod("b"))
        observation = seen(*pods, answers=(answer(pods[0]), answer(pods[1], ok=False)))
        assert look(observation)[0]["Available"] == ("True", "Answering")
        assert said(observation) == "1 of 2 replicas answer."


class TestCauses:
    """What keeps a pod from serving is named, with its numbers and with what to do."""

    CASES = (
        (
            "ImagePullFailed",
            starting(waiting="ImagePullBackOff", waiting_message='Back-off pulling image "r/x:1": not found'),
            ['"r/x:1"', "not found", "spec.model.uri"],
        ),
        (
            "EngineCrashing",
            starting(
                waiting="CrashLoopBackOff", exit_code=3, exit_reason="Error", exit_message="unknown calibration 'x'"
            ),
            ["exit code 3;", "unknown calibration 'x'", "paceline logs"],
        ),
        (
            "EngineCrashing",
            starting(exit_code=0, exit_reason="Completed"),
            ["exit code 0 (Completed) and said nothing"],
        ),
        (
            "EngineOutOfMemory",
            starting(exit_code=137, exit_reason="OOMKilled"),
            ["more memory than its limit", "memory limit"],
        ),
        (
            "EngineCannotStart",
            starting(waiting="CreateContainerConfigError", waiting_message="image will run as root"),
            ["cannot be started: image will run as root."],
        ),
        (
            "EngineCannotStart",
            starting(
                waiting="CrashLoopBackOff",
                exit_code=128,
                exit_reason="StartError",
                exit_message='exec: "/x": no such file',
            ),
            ["cannot be started: exec", "no such file", "spec.engine.custom.command"],
        ),
        (
            "EngineNotReady",
            starting(exit_code=137, exit_reason="Error", ran_seconds=1801),
            ["did not answer 200 to GET /health within startupSeconds (1800)", "raise spec.lifecycle.startupSeconds"],
        ),
        ("EngineNotReady", pod(ready=False), ["GET /health no longer answers 200"]),
        ("NodeLost", pod(ready=False, lost=True), ["reports no more", "may still run", "Bring the node back"]),
        (
            "NoCapacity",
            starting(unschedulable="0/1 nodes are available: 1 Insufficient nvidia.com/gpu."),
            ["0/1 nodes are available: 1 Insufficient nvidia.com/gpu.", "lower spec.replicas"],
        ),
        (
            "PodRefused",
            starting(failed="UnexpectedAdmissionError: no device"),
            ["UnexpectedAdmissionError: no device."],
        ),
    )

    @pytest.mark.parametrize(("reason", "found", "words"), CASES)
    def test_the_cause_is_named_in_the_conditions(self, reason, found, words):
        conditions, made = look(seen(found))
        assert conditions["Available"] == conditions["Ready"] == ("False", reason)
        for word in words:
            assert word in made.condition("Ready").message
        assert event_type(reasons.BY_NAME, reason) == "Warning"

    @pytest.mark.parametrize(("code", "ran"), [(1, 1801), (137, 36000), (143, 600)])
    def test_an_end_that_the_startup_probe_did_not_bring_is_a_crash(self, code, ran):
        observation = seen(starting(exit_code=code, exit_reason="Error", ran_seconds=ran))
        assert look(observation)[0]["Ready"] == ("False", "EngineCrashing")

    def test_words_stay_the_same_while_the_kubelet_goes_to_and_fro(self):
        pull = 'failed to pull and unpack image "r/x:1": not found'
        backing_off = f'Back-off pulling image "r/x:1": ErrImagePull: {pull}'
        now = said(seen(starting(waiting="ErrImagePull", waiting_message=pull)))
        then = said(seen(starting(waiting="ImagePullBackOff", waiting_message=backing_off)))
        assert now == then
        start = {"exit_code": 128, "exit_reason": "StartError", "exit_message": "no such file"}
        before = said(seen(starting(waiting="RunContainerError", waiting_message="no such file")))
        assert before == said(seen(starting(waiting="CrashLoopBackOff", waiting_message="back-off 10s", **start)))

    def test_a_quota_that_is_reached_is_named(self):
        words = 'pods "chat-1-x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1'
        observation = seen(deployment=deployment(2, total=0, updated=0, ready=0, available=0, failure=words))
        assert look(observation)[0]["Ready"] == ("False", "QuotaExceeded")
        assert "2 pods are missing" in said(observation)
        assert "exceeded quota: small" in said(observation)

    def test_a_pod_that_admission_refuses_is_named(self):
        words = 'pods "chat-1-x" is forbidden: violates PodSecurity "restricted:latest"'
        observation = seen(deployment=deployment(1, total=0, updated=0, ready=0, available=0, failure=words))
        assert look(observation)[0]["Ready"] == ("False", "PodRefused")

    def test_the_cause_that_a_person_must_deal_with_is_shown_first(self):
        observation = seen(starting("a"), starting("b", waiting="ErrImagePull"), starting("c", unschedulable="no"))
        assert look(observation)[0]["Available"] == ("False", "ImagePullFailed")

    def test_a_replica_that_fails_beside_one_that_answers_is_mentioned(self):
        observation = seen(
            pod("a"), starting("b", unschedulable="0/1 nodes are available"), deployment=deployment(2, ready=1)
        )
        found, made = look(observation)
        assert found["Ready"] == ("True", "Answering")
        assert made.condition("Ready").message.startswith("1 of 2 replicas answer. Pod b finds no node: 0/1 nodes")

    def test_pods_that_are_being_deleted_do_not_count(self):
        assert look(seen(pod(deleting=True)))[0]["Available"] == ("False", "EngineStarting")

    def test_words_of_an_engine_cannot_reach_a_terminal(self):
        message = said(seen(starting(exit_code=1, exit_message="\x1b[2J\x1b]0;x\x07bad\u202e" + "x" * 5000)))
        assert message.isprintable()
        assert len(message) < 1000


class TestRollouts:
    def observation(self, *new: PodView, **fields):
        old = pod("old", revision="r1")
        rolling = deployment(1, total=2, updated=len(new), available=1, progress_reason="ReplicaSetUpdated")
        return seen(old, *new, **({"deployment": rolling} | fields))

    def test_a_new_revision_that_starts_makes_it_not_ready_but_available(self):
        found, made = look(self.observation(starting("new")))
        assert found["Available"] == ("True", "Answering")
        assert found["Ready"] == ("False", "RolloutInProgress")
        assert found["Progressing"] == ("True", "RolloutInProgress")
        assert made.condition("Ready").message.startswith("1 of 1 replicas are updated")

    def test_a_new_revision_that_fails_is_named_while_the_old_one_serves(self):
        found, made = look(self.observation(starting("new", waiting="ErrImagePull", waiting_message="not found")))
        assert found["Available"] == ("True", "Answering")
        assert found["Ready"] == ("False", "ImagePullFailed")
        assert made.condition("Ready").message.startswith(
            "The new revision does not come up. The node of pod new cannot get the image"
        )

    def test_a_rollout_without_progress_says_so(self):
        stuck = deployment(1, total=2, updated=1, progress_reason="ProgressDeadlineExceeded")
        found, made = look(self.observation(starting("new"), deployment=stuck))
        assert found["Progressing"] == ("False", "ProgressDeadlineExceeded")
        assert found["Ready"] == ("False", "ProgressDeadlineExceeded")
        assert "progressDeadlineSeconds (3600)" in made.condition("Ready").message

    @pytest.mark.parametrize("trouble", [{"failure": "forbidden"}, {"progress_reason": "ProgressDeadlineExceeded"}])
    def test_what_failed_of_an_earlier_spec_is_not_told_of_the_present_one(self, trouble):
        earlier = deployment(1, total=1, updated=0, generation=5, observed_generation=4, **trouble)
        found, _ = look(self.observation(deployment=earlier))
        assert found["Available"] == ("True", "Answering")
        assert found["Ready"] == ("False", "RolloutInProgress")
        assert found["Progressing"] == ("True", "RolloutInProgress")

    def test_a_deployment_that_was_not_yet_applied_anew_is_a_rollout(self):
        found, _ = look(seen(pod(), revision="r3"))
        assert found["Ready"] == ("False", "RolloutInProgress")

    def test_a_new_template_that_the_controller_has_not_seen_is_a_rollout(self):
        found, _ = look(seen(pod(revision="r1"), deployment=deployment(generation=5)))
        assert found["Ready"] == ("False", "RolloutInProgress")

    def test_a_change_of_replicas_alone_is_no_rollout(self):
        growing = deployment(3, ready=1, available=1)
        found, _ = look(seen(pod("a"), starting("b"), starting("c"), deployment=growing))
        assert found["Ready"] == ("True", "Answering")
        assert found["Progressing"] == ("False", "RolledOut")

    @pytest.mark.parametrize("lag", [{}, {"generation": 5}])
    def test_a_change_of_replicas_that_nobody_has_noticed_yet_is_no_rollout(self, lag):
        found, _ = look(seen(pod(), deployment=deployment(**lag)), models.model({"replicas": 2}))
        assert found["Ready"] == ("True", "Answering")
        assert found["Progressing"] == ("False", "RolledOut")

    @pytest.mark.parametrize(
        ("trouble", "reason"),
        [({"unschedulable": "0/3 nodes: insufficient nvidia.com/gpu"}, "NoCapacity"), ({"failed": "no"}, "PodRefused")],
    )
    def test_more_replicas_that_find_no_place_are_told_with_a_remedy_while_the_others_serve(self, trouble, reason):
        growing = deployment(2, ready=1, available=1)
        found, made = look(
            seen(pod("a"), pod("b", ready=False, started=False, **trouble), deployment=growing),
            models.model({"replicas": 2}),
        )
        assert found["Ready"] == found["Available"] == ("True", "Answering")
        assert found["Progressing"] == ("False", reason)
        for kind in ("Ready", "Progressing"):
            assert made.condition(kind).message.endswith(reasons.BY_NAME[reason].remedy)

    def test_enough_available_replicas_end_a_rollout_even_if_kubernetes_has_not_said_so(self):
        found, _ = look(seen(pod(), deployment=deployment(progress_reason="ReplicaSetUpdated")))
        assert found["Ready"] == ("True", "Answering")


class TestModels:
    def test_what_is_served_is_said_with_its_commit(self):
        found, made = look(seen(pod(), model="base is abc: 14.2 GiB"))
        assert found["ModelResolved"] == ("True", "Resolved")
        assert made.condition("ModelResolved").message == "base is abc: 14.2 GiB"

    def test_a_lookup_is_under_way_while_what_was_applied_serves(self):
        found, made = look(seen(pod()), problem=Pending("Resolving", "Pod x looks up the model's source."))
        assert found["ModelResolved"] == ("Unknown", "Resolving")
        assert found["Progressing"] == ("True", "Resolving")
        assert found["Accepted"] == ("True", "Accepted"), "the spec is not at fault"
        assert found["Available"] == ("True", "Answering")
        assert "still serves" in made.condition("Ready").message

    def test_a_source_that_cannot_be_used_is_the_models_condition_and_not_the_specs(self):
        found, _ = look(seen(pod()), problem=Stalled("SourceNotFound", "hf://a/b is not there"))
        assert found["ModelResolved"] == ("False", "SourceNotFound")
        assert found["Ready"] == ("False", "SourceNotFound")
        assert found["Progressing"] == ("False", "SourceNotFound")
        assert found["Accepted"] == ("True", "Accepted")
        assert found["Available"] == ("True", "Answering"), "what was applied before serves"

    def test_a_model_that_does_not_fit_is_no_rollout(self):
        problem = Stalled("DoesNotFit", "70.0 GiB too much")
        found, made = look(seen(model="base is abc", fit=Fit("False", "70.0 GiB too much")), problem=problem)
        assert found["Fits"] == ("False", "DoesNotFit")
        assert found["ModelResolved"] == ("True", "Resolved")
        assert found["Progressing"] == ("False", "DoesNotFit")
        assert "70.0 GiB" in made.condition("Fits").message

    @pytest.mark.parametrize("reason", ["SourceNotFound", "DoesNotFit", "NoFittingNode", "QuotaTooSmall"])
    def test_a_model_that_never_was_served_is_not_available_for_the_reason_that_keeps_it_from_pods(self, reason):
        found, made = look(Observation(), problem=Stalled(reason, "It is so."))
        assert found["Available"] == found["Ready"] == ("False", reason)
        assert made.condition("Available").message == "It is so."

    def test_while_a_model_is_looked_up_for_the_first_time_nothing_is_known_of_its_answers(self):
        found, _ = look(Observation(), problem=Pending("Resolving", "Pod x looks up the model's source."))
        assert found["Available"] == ("Unknown", "NotYetObserved")

    def test_a_claim_that_is_not_there_is_named_and_no_accelerator_is_asked_for(self):
        words = '0/3 nodes are available: persistentvolumeclaim "models" not found. preemption: not helpful.'
        found, made = look(seen(starting(unschedulable=words)))
        assert found["Available"] == ("False", "ReferenceMissing")
        assert (
            'PersistentVolumeClaim "models" is not in its namespace. Create it' in made.condition("Available").message
        )
        unbound = '0/3 nodes: persistentvolumeclaim "models" bound to non-existent persistentvolume "a".'
        found, _ = look(seen(starting(unschedulable=unbound)))
        assert found["Available"] == ("False", "NoCapacity")

    def test_a_size_that_is_not_known_is_tried(self):
        found, _ = look(seen(pod(), fit=Fit("Unknown", "The profile does not say.")))
        assert found["Fits"] == ("Unknown", "SizeUnknown")
        assert found["Ready"] == ("True", "Answering")

    def test_a_pod_that_cannot_fetch_says_why(self):
        report = '{"failure": {"reason": "DiskFull", "message": "9 GiB are free.", "retry": true}}'
        found, made = look(seen(starting(unfetched=report)))
        assert found["Available"] == ("False", "DiskFull")
        assert "9 GiB are free." in made.condition("Available").message
        found, made = look(seen(starting(unfetched="Killed")))
        assert found["Available"] == ("False", "FetchFailed")


class TestProblems:
    def test_an_unknown_profile_is_refused_with_its_own_words(self):
        found, made = look(Observation(), problem=UNKNOWN_PROFILE)
        assert found["Accepted"] == found["Ready"] == found["Progressing"] == ("False", "UnknownProfile")
        assert made.condition("Ready").message == UNKNOWN_PROFILE.message

    def test_a_profile_that_is_removed_leaves_what_serves(self):
        found, made = look(seen(pod(), revision=""), problem=UNKNOWN_PROFILE)
        assert found["Available"] == ("True", "Answering")
        assert found["Ready"] == ("False", "UnknownProfile")
        assert "still serves" in made.condition("Ready").message

    def test_without_a_plan_the_words_do_without_its_path(self):
        assert "GET its readiness path" in said(seen(pod(ready=False)), problem=UNKNOWN_PROFILE, kind="Available")

    def test_a_spec_that_cannot_be_read_keeps_what_is_known(self):
        before = (Condition("Available", "True", "Answering", "1 of 1 replicas answer.", 2),)
        made = refused(7, before, Stalled("InvalidSpec", "spec.model is missing"))
        assert {c.type: c.reason for c in made.conditions} == {
            "Ready": "InvalidSpec",
            "Available": "Answering",
            "Accepted": "InvalidSpec",
            "ModelResolved": "NotYetObserved",
            "Fits": "NotYetObserved",
            "Progressing": "InvalidSpec",
            "SLOMet": "NotYetObserved",
        }
        assert {c.observed_generation for c in made.conditions} == {7}

    def test_a_spec_that_could_never_be_read_leaves_available_unknown(self):
        made = refused(1, (), Stalled("InvalidSpec", "spec.model is missing"))
        assert made.condition("Available").status == "Unknown"


words = st.text(max_size=20)
counts = st.integers(0, 5)
pods = st.builds(
    PodView,
    name=st.sampled_from(["a", "b", "c"]),
    uid=st.sampled_from(["1", "2", "3"]),
    revision=st.sampled_from(["r1", "r2", ""]),
    deleting=st.booleans(),
    ready=st.booleans(),
    started=st.booleans(),
    waiting=st.sampled_from(["", "ErrImagePull", "CrashLoopBackOff", "CreateContainerError", "ContainerCreating"]),
    waiting_message=words,
    exit_code=st.none() | st.integers(-1, 300),
    exit_reason=st.sampled_from(["", "Error", "OOMKilled", "StartError"]),
    exit_message=words,
    ran_seconds=st.floats(0, 4000),
    unschedulable=words,
    failed=words,
)
deployments = st.builds(
    DeploymentView,
    name=st.just("d"),
    revision=st.sampled_from(["r1", "r2", ""]),
    generation=counts,
    observed_generation=counts,
    replicas=counts,
    total=counts,
    updated=counts,
    ready=counts,
    available=counts,
    progress_reason=st.sampled_from(["", "NewReplicaSetAvailable", "ProgressDeadlineExceeded"]),
    failure=st.sampled_from(["", "exceeded quota: x", "forbidden"]),
)
answers = st.builds(
    AnswerView,
    pod=st.sampled_from(["1", "2", "9"]),
    time=st.timedeltas(timedelta(0), timedelta(hours=1)).map(lambda ago: NOW - ago),
    ok=st.booleans(),
    message=words,
    failures=counts,
)
observations = st.builds(
    Observation,
    revision=st.sampled_from(["r2", ""]),
    deployment=st.none() | deployments,
    pods=st.lists(pods, max_size=4).map(tuple),
    answers=st.lists(answers, max_size=4).map(tuple),
)


@given(observations, counts, st.booleans(), st.booleans())
def test_whatever_is_seen_all_conditions_are_there_and_explained(observation, replicas, stuck, held):
    md = replace(models.model({"replicas": replicas}, status=ANSWERED if held else None), generation=9)
    made = assess(md, None if stuck else models.plan(md), observation, NOW, UNKNOWN_PROFILE if stuck else None)
    assert [c.type for c in made.conditions] == list(TYPES[KIND])
    for one in made.conditions:
        assert one.message
        assert one.observed_generation == 9
        assert (one.type, one.status) in reasons.BY_NAME[one.reason].shows
    ready, available = made.condition("Ready"), made.condition("Available")
    assert ready.status != "True" or available.status == "True"


@given(observations, counts)
def test_the_same_situation_gives_the_same_words(observation, replicas):
    md = models.model({"replicas": replicas})
    assert assess(md, None, observation, NOW) == assess(md, None, observation, NOW + timedelta(0))
