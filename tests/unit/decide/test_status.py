"""The status: what it holds, that it fits its schema, and that it does not churn."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from paceline.decide.front import Front, Met
from paceline.decide.health import assess, refused
from paceline.decide.observation import LatencyView, Observation
from paceline.decide.revisions import Choice
from paceline.decide.status import refuse, summarise
from paceline.errors import Stalled
from tests.support import models
from tests.support.models import NOW, answer, deployment, histogram, pod, seen

CRD = Path(__file__).resolve().parents[3] / "crds" / "modeldeployments.paceline.dev.yaml"
SCHEMA = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]


def latency(milliseconds=100.0, requests=50, at=NOW):
    """All requests took between no time and twice that, so the figures are about that."""
    made = histogram((milliseconds * 2 / 1000, requests))
    return LatencyView(at, made, made)


def status(observation, previous=None, md=None, now=NOW, profile=None, problem=None):
    md = md or models.model({"replicas": observation.deployment.replicas if observation.deployment else 1})
    plan = None if problem else models.plan(md, profile)
    made = assess(md, plan, observation, now, problem)
    choice, way = (None, None) if problem else (models.choice(md), models.taken(md))
    written = summarise(md, plan, observation, made, previous, now, choice, way)
    jsonschema.validate(written, SCHEMA)
    return written


def served(**fields):
    return seen(pod("a"), pod("b"), pod("c"), **fields)


def later(observation, seconds):
    """The same seen later, with answers as fresh as before."""
    return replace(
        observation, answers=tuple(replace(a, time=a.time + timedelta(seconds=seconds)) for a in observation.answers)
    )


def test_a_served_model_shows_what_the_columns_print():
    profile = models.hardware(acceleratorResource="nvidia.com/gpu", pricePerHour="2.49")
    written = status(served(latency=latency(163)), profile=profile)
    assert written["display"] == {"replicas": "3/3", "ttftP95": "310 ms", "tpotP95": "310 ms", "costPerHour": "7.47"}
    assert (written["replicas"], written["readyReplicas"], written["observedGeneration"]) == (3, 3, 3)
    assert written["endpoint"] == "http://chat-1.models.svc:80/v1"
    assert written["selector"] == "app.kubernetes.io/component=engine,paceline.dev/modeldeployment=chat"
    assert written["cost"] == {"currency": "USD", "perHour": "7.47"}


def test_figures_say_when_and_by_whom_they_were_taken():
    slo = status(served(latency=latency()))["slo"]
    assert (slo["observedTime"], slo["source"], slo["requests"]) == ("2026-11-24T12:00:00Z", "Engine", 50)
    assert slo["ttftMilliseconds"] == {"p50": "100", "p95": "190", "p99": "200"}


def test_effective_shows_everything_that_was_left_open():
    shown = status(served())["effective"]
    assert shown["type"] == "Simulator"
    assert shown["batching"] == "Continuous"
    assert shown["probes"]["startup"] == {
        "path": "/health",
        "periodSeconds": 1,
        "timeoutSeconds": 1,
        "failureThreshold": 1800,
    }
    assert shown["terminationGracePeriodSeconds"] == 310
    assert "env" not in shown


def test_before_anything_exists_there_is_no_endpoint_and_no_cost():
    written = status(Observation())
    assert "endpoint" not in written
    assert written["display"] == {"replicas": "0/1", "costPerHour": "0.00"}
    assert (written["replicas"], written["readyReplicas"]) == (0, 0)


URL = "http://public-gateway.models.svc:8080/v1"


def test_once_a_gateway_serves_the_model_clients_are_told_its_address_and_what_users_met():
    front = Front(url=URL, met=Met(NOW, 200, 197, {"p50": 90.0, "p95": 310.0, "p99": 400.0}))
    md = models.model({"replicas": 3, "slo": {"ttftMilliseconds": 500}})
    written = status(served(latency=latency(900), front=front), md=md)
    assert (written["endpoint"], written["slo"]["source"], written["slo"]["attainmentPercent"]) == (
        URL,
        "Gateway",
        "98.50",
    )
    assert (written["display"]["ttftP95"], written["display"]["attainment"]) == ("310 ms", "98.50")
    assert written["conditions"][-1]["reason"] == "ObjectiveMissed"
    again = models.model({"replicas": 3, "slo": {"ttftMilliseconds": 500}}, status=written)
    same = status(later(served(latency=latency(900), front=Front(known=False)), 60), written, again)
    assert same == written, "an operator that has just started knows of no Gateway yet"
    better = Front(url=URL, met=replace(front.met, good=200))
    turned = status(served(front=better), written, again, now=NOW + timedelta(seconds=1))
    assert turned["slo"]["attainmentPercent"] == "100.00"
    assert status(served(front=Front(known=False)))["endpoint"] == "http://chat-1.models.svc:80/v1"


def test_a_second_look_changes_nothing():
    first = status(served(latency=latency()))
    assert status(later(served(latency=latency(900)), 59), first, now=NOW + timedelta(seconds=59)) == first


@pytest.mark.parametrize(
    ("seconds", "milliseconds", "moves"), [(59, 200, False), (60, 104, False), (60, 120, True), (60, 80, True)]
)
def test_figures_move_after_a_minute_and_by_more_than_a_tenth(seconds, milliseconds, moves):
    first = status(served(latency=latency()))
    then = NOW + timedelta(seconds=seconds)
    again = status(later(served(latency=latency(milliseconds, at=then)), seconds), first, now=then)
    assert (again["slo"] != first["slo"]) is moves
    assert (again == first) is not moves


def test_an_idle_model_keeps_its_last_figures():
    first = status(served(latency=latency()))
    then = NOW + timedelta(hours=2)
    assert status(later(served(), 7200), first, now=then) == first


def test_a_figure_that_appears_is_shown():
    only_ttft = replace(latency(), tpot=None)
    first = status(served(latency=only_ttft))
    assert "tpotP95" not in first["display"]
    then = NOW + timedelta(seconds=60)
    assert "tpotP95" in status(later(served(latency=latency(at=then)), 60), first, now=then)["display"]


def test_a_condition_changes_at_once_while_figures_wait():
    first = status(served(latency=latency()))
    failing = served(latency=latency(900), answers=tuple(answer(pod(n), ok=False, failures=5) for n in "abc"))
    then = status(failing, first, now=NOW + timedelta(seconds=1))
    assert then["conditions"][0]["reason"] == "EngineNotAnswering"
    assert then["slo"] == first["slo"]


def test_times_of_conditions_stay_while_their_status_stays():
    first = status(served())
    later_on = NOW + timedelta(minutes=5)
    assert status(later(served(), 300), first, now=later_on)["conditions"] == first["conditions"]


def test_what_cannot_be_resolved_any_more_keeps_what_was_effective():
    first = status(served(latency=latency()))
    gone = status(served(), first, problem=Stalled("UnknownProfile", "spec.hardware.profile is gone."))
    for name in ("effective", "fingerprint", "revisions"):
        assert gone[name] == first[name]
    assert gone["cost"] == first["cost"]
    assert gone["display"] == first["display"]


def test_what_was_never_resolved_has_nothing_effective():
    written = status(Observation(), problem=Stalled("UnknownProfile", "spec.hardware.profile is gone."))
    assert "effective" not in written
    assert "cost" not in written


def test_a_spec_that_cannot_be_read_changes_only_conditions():
    first = status(served(latency=latency()))
    made = refused(8, (), Stalled("InvalidSpec", "spec.model is missing"))
    written = refuse(8, made, first, NOW)
    jsonschema.validate(written, SCHEMA)
    assert written["observedGeneration"] == 8
    assert written["slo"] == first["slo"]
    assert refuse(8, made, None, NOW)["conditions"][0]["reason"] == "InvalidSpec"


def test_a_time_that_lies_ahead_does_not_stop_the_figures():
    forged = {"slo": {"observedTime": "2099-01-01T00:00:00Z", "source": "Engine", "requests": 1}}
    assert status(served(latency=latency()), forged)["slo"]["observedTime"] == "2026-11-24T12:00:00Z"


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.dictionaries(
        st.sampled_from(
            [
                "slo",
                "display",
                "cost",
                "stable",
                "name",
                "ttftMilliseconds",
                "p95",
                "observedTime",
                "conditions",
                "perHour",
            ]
        ),
        inner,
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["slo", "display", "conditions", "revisions"]), JSON))
def test_a_forged_status_is_overwritten(previous):
    observation = served(latency=latency(at=NOW))
    md = models.model({"replicas": 3})
    plan = models.plan(md)
    made = assess(md, plan, observation, NOW)
    written = summarise(md, plan, observation, made, previous, NOW, models.choice(md), models.taken(md))
    assert written["display"]["replicas"] == "3/3"


def test_the_cost_is_that_of_the_replicas_that_exist():
    profile = models.hardware(pricePerHour="0.0035")
    waiting = seen(deployment=deployment(3, total=1, ready=0))
    assert status(waiting, profile=profile)["cost"]["perHour"] == "0.0035"


def test_the_revision_that_serves_is_the_stable_one_until_the_new_one_is_rolled_out():
    old, new = models.revision(), models.revision(models.model({"engine": {"args": ["--seed=2"]}}), number=2)
    choice = Choice(new, "", ())
    md, plan = models.model(), models.plan()
    rolling = seen(
        pod("a", revision=old.label),
        pod("b", revision=new.label),
        revision=new.label,
        revisions=(old, new),
        deployment=models.deployment(revision=new.label, total=2, updated=1, progress_reason="ReplicaSetUpdated"),
    )
    before = {"revisions": {"stable": {"name": old.name, "replicas": 1}}}
    made = assess(md, plan, replace(rolling, deployment=replace(rolling.deployment, available=0)), NOW)
    written = summarise(md, plan, rolling, made, before, NOW, choice, models.taken())
    assert written["revisions"] == {
        "stable": {"name": old.name, "replicas": 1},
        "candidate": {"name": new.name, "replicas": 1},
    }
    assert written["fingerprint"] == new.fingerprint
