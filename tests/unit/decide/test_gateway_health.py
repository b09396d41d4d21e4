"""Conditions of Gateways."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from paceline.api import gateway_reasons as reasons
from paceline.api.conditions import TYPES
from paceline.decide.gateway_health import Remark, Report, Seen, assess, refused
from paceline.decide.observation import DeploymentView, PodView
from paceline.errors import Stalled
from tests.support import gateways

DEPLOYMENT = DeploymentView("public-1", "", 1, 1, replicas=2, total=2, updated=2, ready=2, available=2)
PODS = (PodView("a", "ua", "", ready=True), PodView("b", "ub", "", ready=True))
REPORTS = {"a": Report(7), "b": Report(7)}
SERVING = Seen(DEPLOYMENT, PODS, 7, REPORTS)


def found(seen: Seen = SERVING, spec: dict[str, Any] | None = None, problem: Stalled | None = None) -> dict[str, Any]:
    conditions = assess(gateways.gateway(spec), seen, problem)
    assert [each.type for each in conditions] == list(TYPES["Gateway"])
    assert {each.observed_generation for each in conditions} == {2}
    for each in conditions:
        known = reasons.BY_NAME.get(each.reason)
        assert known is None or (each.type, each.status) in known.shows, each
    return {each.type: each for each in conditions}


def told(seen: Seen = SERVING, **given: Any) -> dict[str, tuple[str, str]]:
    return {kind: (each.status, each.reason) for kind, each in found(seen, **given).items()}


def test_a_gateway_whose_pods_have_the_configuration_serves():
    assert told() == {
        "Ready": ("True", "Serving"),
        "Accepted": ("True", "Accepted"),
        "Programmed": ("True", "Programmed"),
        "BackendsResolved": ("True", "Resolved"),
        "CredentialsResolved": ("True", "Resolved"),
    }


def test_a_new_gateway_is_said_to_begin():
    said = told(Seen(None, (), 0, {}))
    assert said["Ready"] == ("False", "PodStarting")
    assert said["Programmed"] == ("Unknown", "NotYetObserved")
    assert said["CredentialsResolved"] == ("Unknown", "AwaitingAgent")


def test_pods_that_are_behind_are_counted_and_the_others_serve():
    seen = replace(SERVING, reports={"a": Report(7), "b": Report(6)})
    assert found(seen)["Programmed"].message.startswith("1 of 2 pods have configuration 7; not b.")
    assert told(seen)["Ready"] == ("True", "Serving")


def test_a_pod_that_said_nothing_is_behind():
    assert told(replace(SERVING, reports={"a": Report(7)}))["Programmed"] == ("False", "AwaitingAgent")


def test_without_a_pod_nothing_is_programmed():
    assert found(Seen(DEPLOYMENT, (), 7, {}))["Programmed"].message.startswith("0 of 0 pods have configuration 7.")


def test_envoys_own_words_are_shown_when_it_rejects():
    seen = replace(SERVING, reports={"a": Report(7), "b": Report(6, rejected="Proto constraint validation failed")})
    said = found(seen)
    assert said["Programmed"].reason == said["Ready"].reason == "UpdateRejected"
    assert "1 of 2 pods rejects it; b: Proto constraint validation failed" in said["Ready"].message


def test_pods_on_their_way_out_are_not_asked():
    leaving = PodView("b", "ub", "", ready=True, deleting=True)
    assert told(replace(SERVING, pods=(PODS[0], leaving), reports={"a": Report(7)}))["Programmed"][0] == "True"


def test_a_gateway_of_no_pods_is_what_was_asked():
    said = told(Seen(DEPLOYMENT, (), 7, {}), spec={"replicas": 0})
    assert said["Ready"] == ("True", "ScaledToZero")
    assert said["Programmed"] == ("True", "Programmed")
    assert said["CredentialsResolved"] == ("True", "Resolved")


def test_a_gateway_for_everybody_says_so():
    assert told(spec={"authentication": "None"})["Accepted"] == ("True", "AuthenticationNone")


def test_what_agents_say_of_issuers_is_put_together_without_those_on_their_way_out():
    said = {"a": Report(7, issuers={"https://a": "gone"}), "b": Report(7, issuers={"https://b": "slow"})}
    assert replace(SERVING, reports=said).issuers == {"https://a": "gone", "https://b": "slow"}
    leaving = PodView("b", "ub", "", ready=True, deleting=True)
    assert replace(SERVING, pods=(PODS[0], leaving), reports=said).issuers == {"https://a": "gone"}


def test_labels_that_cannot_be_read_are_said_and_stop_nothing():
    remark = Remark(reasons.NAMESPACES_UNREAD, "", "Only names are known.")
    said = found(replace(SERVING, remarks=(remark,)))
    assert (said["Accepted"].status, said["Accepted"].reason, said["Ready"].status) == (
        "True",
        "NamespacesUnread",
        "True",
    )
    assert said["Accepted"].message.startswith("Only names are known.")


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        (PodView("a", "u", "", waiting="ImagePullBackOff"), "ImagePullFailed"),
        (PodView("a", "u", "", unschedulable="0/3 nodes"), "NoCapacity"),
        (PodView("a", "u", "", exit_code=1), "PodCrashing"),
        (PodView("a", "u", "", exit_code=137, exit_reason="OOMKilled"), "PodCrashing"),
        (PodView("a", "u", "", started=True), "PodNotReady"),
        (PodView("a", "u", "", failed="Evicted: disk"), "PodRefused"),
        (PodView("a", "u", ""), "PodStarting"),
    ],
)
def test_why_no_pod_is_ready(pod: PodView, reason: str):
    said = found(Seen(DEPLOYMENT, (pod,), 7, {}))["Ready"]
    assert (said.status, said.reason) == ("False", reason)
    assert "engine" not in said.message


def test_a_quota_that_refuses_pods_is_said():
    refused_ = replace(DEPLOYMENT, failure="exceeded quota: small")
    assert told(Seen(refused_, (), 7, {}))["Ready"] == ("False", "QuotaExceeded")


def test_children_that_cannot_be_applied_do_not_stop_what_serves():
    said = found(problem=Stalled("ChildConflict", "a Service named public-gateway exists and is not ours."))
    assert said["Accepted"].reason == said["Ready"].reason == "ChildConflict"
    assert said["Ready"].message.endswith("What was applied before still serves.")


def test_a_conflict_over_a_host_name_is_a_matter_of_acceptance():
    remark = Remark(reasons.CONFLICTED, "llm.example.com", "Host llm.example.com is Gateway old's.")
    seen = replace(SERVING, remarks=(remark,), pods=())
    spec = {"service": {"type": "LoadBalancer"}, "listener": {"hostnames": ["llm.example.com"]}}
    assert told(seen, spec=spec)["Accepted"] == ("False", "Conflicted")
    assert told(seen, spec=spec)["BackendsResolved"] == ("True", "Resolved")
    assert not found(seen, spec=spec)["Ready"].message.endswith("still serves.")


def test_a_served_name_that_an_older_deployment_has_is_a_matter_of_its_route():
    remark = Remark(reasons.CONFLICTED, "chat", "ModelDeployment b is not served as chat.")
    said = told(replace(SERVING, remarks=(remark,)))
    assert said["Accepted"] == ("True", "Accepted")
    assert said["BackendsResolved"] == ("False", "Conflicted")


def test_all_routes_that_get_nowhere_for_one_reason_are_named():
    seen = replace(
        SERVING,
        remarks=(
            Remark(reasons.BACKEND_MISSING, "bot", "Route bot: there is no ModelDeployment a."),
            Remark(reasons.BACKEND_MISSING, "cat", "Route cat: there is no ModelDeployment b."),
            Remark(reasons.UNPRICED, "dog", "Model dog has no price."),
        ),
    )
    said = found(seen)["BackendsResolved"]
    assert (said.status, said.reason) == ("False", "BackendMissing")
    assert "a. Route cat: there is no ModelDeployment b. " in said.message


def test_what_is_no_trouble_is_said_while_all_is_well():
    seen = replace(SERVING, remarks=(Remark(reasons.UNPRICED, "dog", "Model dog has no price."),))
    assert told(seen)["BackendsResolved"] == ("True", "Unpriced")


def test_credentials_that_pods_miss_are_named():
    files = tuple(f"/etc/paceline/secrets/providers/{number}" for number in range(7))
    seen = replace(SERVING, reports={"a": Report(7, credentials=files), "b": Report(7)})
    said = found(seen)
    assert said["CredentialsResolved"].reason == "SecretMissing"
    assert "and 2 more cannot be read" in said["CredentialsResolved"].message
    assert said["Ready"].status == "True"


def test_without_its_certificate_a_listener_answers_nobody():
    seen = replace(SERVING, reports={"a": Report(7, credentials=("/etc/paceline/secrets/public-tls/tls.crt",))})
    spec = {"listener": {"tls": {"secretRef": {"name": "public-tls"}}}}
    assert told(seen, spec=spec)["Ready"] == ("False", "SecretMissing")


def test_a_spec_that_cannot_be_read_is_said_and_nothing_else_is_known():
    conditions = {each.type: each for each in refused(3, Stalled("InvalidSpec", "spec.replicas is -1."))}
    assert (conditions["Ready"].status, conditions["Accepted"].reason) == ("False", "InvalidSpec")
    assert {conditions[kind].status for kind in ("Programmed", "BackendsResolved", "CredentialsResolved")} == {
        "Unknown"
    }
