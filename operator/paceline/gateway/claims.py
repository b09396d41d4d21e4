"""Who has what two objects ask for: the older one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from paceline.api.gateway import Gateway
from paceline.api.gateway_reasons import CONFLICTED
from paceline.gateway.finding import Finding, of_gateway

#: Of RFC 2606: nobody ever has it. A gateway without a host name left answers for it, and not for every host.
NOBODY = "conflicted.invalid"


def hostnames(gateway: Gateway, others: Iterable[Gateway]) -> tuple[tuple[str, ...], list[Finding]]:
    """The host names that a Gateway answers for, and what is said of those that an older one has.

    A host name leads to one address. So two Gateways that are reached from outside cannot both have it at one port; one
    behind a door of somebody else (ClusterIP) claims nothing, and neither does one that answers for every host, for
    each Service has an address of its own.
    """
    listener = gateway.spec.listener
    taken = _taken(gateway, others) if _outside(gateway) else {}
    kept = tuple(each for each in listener.hostnames if each not in taken)
    findings = [
        of_gateway(
            gateway,
            CONFLICTED,
            each,
            f"Host name {each} at port {listener.port} belongs to the older Gateway "
            f"{taken[each].namespace}/{taken[each].name}; requests for it are not answered here.",
        )
        for each in listener.hostnames
        if each in taken
    ]
    return kept or ((NOBODY,) if findings else ()), findings


def claimed(gateway: Gateway) -> frozenset[tuple[str, int]]:
    """The host names that a Gateway claims, with its port: of those that ask for one, one alone has it."""
    listener = gateway.spec.listener
    return frozenset((each, listener.port) for each in listener.hostnames) if _outside(gateway) else frozenset()


def _taken(gateway: Gateway, others: Iterable[Gateway]) -> Mapping[str, Gateway]:
    """Host names of older Gateways, each with the oldest that asks for it."""
    older = [
        each
        for each in others
        if each.seniority < gateway.seniority
        and _outside(each)
        and each.spec.listener.port == gateway.spec.listener.port
    ]
    found: dict[str, Gateway] = {}
    for each in sorted(older, key=lambda one: one.seniority):
        for hostname in each.spec.listener.hostnames:
            found.setdefault(hostname, each)
    return found


def _outside(gateway: Gateway) -> bool:
    return gateway.spec.service.type != "ClusterIP"
