"""Consumers of a Gateway: which may call it, and what those have in common that are treated alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace

from paceline.api import consumer_reasons as reasons
from paceline.api.consumer import Consumer
from paceline.api.consumer_spec import ConsumerLimits, ConsumerSpec
from paceline.api.digest import digest
from paceline.api.gateway import Gateway
from paceline.api.gateway_reasons import NAMESPACES_UNREAD
from paceline.gateway.finding import Finding, of_consumer, of_gateway
from paceline.gateway.ir import Denied, Policy, Reserve
from paceline.gateway.observation import Observation
from paceline.gateway.selector import keys, selects

#: Every namespace has its name as this label.
NAME_LABEL = "kubernetes.io/metadata.name"
#: 64 bits: that two policies of ten thousand share one is out of the question.
_DIGITS = 16

Labels = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Caller:
    """A Consumer that may call the Gateway."""

    consumer: Consumer
    policy: Policy

    @property
    def client(self) -> str:
        """The id of its requests."""
        return f"{self.policy.name}.{self.consumer.namespace}.{self.consumer.name}"

    @property
    def denied(self) -> Denied | None:
        """Why it gets nothing, whatever it has spent; None where it does."""
        return Denied(self.client, "Suspended") if self.consumer.spec.suspended else None


def callers(seen: Observation) -> tuple[list[Caller], list[Finding]]:
    """Those that may call the Gateway, the oldest first, and what is said of others that name it."""
    gateway = seen.gateway
    naming = sorted((each for each in seen.consumers if names(each, gateway)), key=lambda each: each.seniority)
    taken = [each for each in naming if _takes(gateway, each, seen.namespaces)]
    refused = [_not_permitted(each, gateway) for each in naming if not _takes(gateway, each, seen.namespaces)]
    return [Caller(each, policy_of(each)) for each in taken], refused


def unresolved(consumer: Consumer, gateways: Iterable[Gateway], labels: Labels) -> list[Finding]:
    """What is wrong with the Gateways that a Consumer names: they are not there, or do not take it.

    Args:
        consumer: Who names them.
        gateways: All that are known.
        labels: Of namespaces.
    """
    known = {(each.namespace, each.name): each for each in gateways}
    findings = []
    for ref in consumer.spec.gateway_refs:
        place = (ref.namespace or consumer.namespace, ref.name)
        if place not in known:
            words = "/".join(place)
            findings.append(of_consumer(consumer, reasons.GATEWAY_MISSING, words, f"There is no Gateway {words}."))
        elif not _takes(known[place], consumer, labels):
            findings.append(_not_permitted(consumer, known[place]))
    return findings


def policy_of(consumer: Consumer) -> Policy:
    """What a Consumer has in common with all that are treated alike. Priority, team and amounts change no route."""
    spec = consumer.spec
    limits = spec.limits or ConsumerLimits()
    return digested(
        Policy(
            audience=spec.audience,
            digest="",
            models=tuple(sorted(spec.models)),
            request_class=spec.request_class or "",
            trusts_class="RequestClass" in spec.trusted_headers,
            trusts_conversation="ConversationId" in spec.trusted_headers,
            requests_per_minute=limits.requests_per_minute or 0,
            tokens_per_minute=limits.tokens_per_minute or 0,
            reserves=_reserves(spec),
        )
    )


def _reserves(spec: ConsumerSpec) -> Reserve:
    if any(each.mode == "Hard" for each in spec.budgets):
        return "Money"
    return "Places" if spec.limits and spec.limits.max_concurrent_requests is not None else ""


def digested(policy: Policy) -> Policy:
    """The same with its digest."""
    content = [getattr(policy, each.name) for each in fields(policy)]
    return replace(policy, digest=digest(content).removeprefix("sha256:")[:_DIGITS])


def names(consumer: Consumer, gateway: Gateway) -> bool:
    """Whether a Consumer wants to be answered by a Gateway."""
    return any(
        ref.name == gateway.name and (ref.namespace or consumer.namespace) == gateway.namespace
        for ref in consumer.spec.gateway_refs
    )


def _takes(gateway: Gateway, consumer: Consumer, labels: Labels) -> bool:
    """Whether the Gateway's owner lets that namespace in."""
    if consumer.namespace == gateway.namespace:
        return True
    selector = gateway.spec.allowed_consumers.selector
    if selector is None or (consumer.namespace not in labels and asks_for_labels(gateway)):
        return False  # what is not known is not there to NotIn, either
    return selects(selector, {**labels.get(consumer.namespace, {}), NAME_LABEL: consumer.namespace})


def asks_for_labels(gateway: Gateway) -> bool:
    """Whether its owner chooses namespaces by more than their names."""
    selector = gateway.spec.allowed_consumers.selector
    return selector is not None and bool(keys(selector) - {NAME_LABEL})


def unread(seen: Observation) -> list[Finding]:
    """What is said of a Gateway that asks for labels which the operator cannot read."""
    gateway = seen.gateway
    if seen.labelled or not asks_for_labels(gateway):
        return []
    message = "spec.allowedConsumers.selector asks for labels of namespaces, and this operator knows only their names."
    return [of_gateway(gateway, NAMESPACES_UNREAD, "", message)]


def _not_permitted(consumer: Consumer, gateway: Gateway) -> Finding:
    words = f"{gateway.namespace}/{gateway.name}"
    message = f"Gateway {words} does not take Consumers of namespace {consumer.namespace}."
    return of_consumer(consumer, reasons.NOT_PERMITTED, words, message)
