"""From kinds to neutral routes: what a Gateway's proxies do, what the ledger is told, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from paceline.api.gateway_reasons import NO_ROUTES, UNPRICED
from paceline.gateway import ir
from paceline.gateway.check import check, sound
from paceline.gateway.claims import hostnames
from paceline.gateway.consumers import Caller, callers, digested, unread
from paceline.gateway.entries import entries
from paceline.gateway.finding import Finding, of_gateway
from paceline.gateway.identities import identities, issuers
from paceline.gateway.keys import keys
from paceline.gateway.mounts import certificate, mounts
from paceline.gateway.observation import Observation
from paceline.gateway.offered import remarks
from paceline.gateway.owners import told
from paceline.gateway.prices import prices
from paceline.gateway.routes import UNAVAILABLE, Translated, translated
from paceline.gateway.surroundings import Surroundings
from paceline.gateway.terms import Terms, terms, wrong_zones

#: Of callers without a key, where authentication is None.
_ANYBODY = digested(ir.Policy("External", "", ("*",)))


@dataclass(frozen=True, slots=True)
class Translation:
    """What a Gateway comes to.

    Attributes:
        gateway: Neutral routes without anything that is wrong with them.
        findings: About the Gateway and about Consumers that name it, in order.
        terms: For the ledger.
        mounts: Secrets of the Gateway's namespace that its pods need, by name, each with the keys in it.
        unhealthy: Models whose requests nobody answers now, in order.
    """

    gateway: ir.Gateway
    findings: tuple[Finding, ...]
    terms: Terms
    mounts: Mapping[str, tuple[str, ...]]
    unhealthy: tuple[str, ...]


def translate(seen: Observation, secrets: Mapping[str, str]) -> Translation:
    """Translate a Gateway. What is wrong with one object takes nothing from the others.

    Args:
        seen: What was read.
        secrets: Keys of Consumers by their reference, as far as they are there.
    """
    calling, of_callers = callers(seen)
    calling = [] if _open(seen) else calling
    known, of_keys = keys(calling, secrets)
    tokens, of_tokens = identities(calling, seen)
    names, of_names = hostnames(seen.gateway, seen.gateways)
    priced, of_prices = prices(seen.gateway)
    routes, of_entries = _routes(seen, calling, Surroundings.of(seen, priced))
    made = _made(seen, names, calling, routes, known, tokens)
    problems = check(made, secrets)
    kept = _kept(made, problems, secrets)
    findings = {
        *(of_callers + of_keys + of_tokens + of_names + of_prices + of_entries),
        *(finding for each in routes for finding in each.findings),
        *told(problems, made, seen, calling),
        *wrong_zones(calling, seen.zones),
        *unread(seen),
        *_remarks(seen, calling, routes),
    }
    return Translation(
        gateway=kept,
        findings=tuple(sorted(findings)),
        terms=terms(seen, calling, priced, routes),
        mounts=mounts(seen.gateway.spec, kept, seen.site.folder),
        unhealthy=unhealthy(kept),
    )


def unhealthy(gateway: ir.Gateway) -> tuple[str, ...]:
    """Models whose requests nobody answers: they are refused, or no server of theirs is ready."""
    serving = {each.name for each in gateway.clusters if _ready(each)}
    lost = (each.model for each in gateway.routes if not any(_served(branch, serving) for branch in each.branches))
    return tuple(sorted(lost))


def _ready(cluster: ir.Cluster) -> bool:
    return isinstance(cluster.servers, ir.External) or bool(cluster.servers.endpoints)


def _served(branch: ir.Branch, serving: set[str]) -> bool:
    if isinstance(branch.target, ir.Refusal):
        return False
    return any(share.cluster in serving for group in branch.target.groups for share in group)


def _open(seen: Observation) -> bool:
    """Whether everybody is answered."""
    return seen.gateway.spec.authentication == "None"


def _routes(
    seen: Observation, calling: Iterable[Caller], around: Surroundings
) -> tuple[list[Translated], list[Finding]]:
    listed, findings = entries(seen)
    reserved = {each.policy.reserves for each in calling}
    if not listed:
        findings.append(of_gateway(seen.gateway, NO_ROUTES, "", "There is no route."))
    return [translated(each, around, reserved) for each in listed], findings


def _made(
    seen: Observation,
    names: tuple[str, ...],
    calling: Iterable[Caller],
    routes: Iterable[Translated],
    known: Iterable[ir.Key],
    tokens: list[ir.Identity],
) -> ir.Gateway:
    """Everything in neutral terms, whether or not it is right. In order, so that equal worlds come to equal files."""
    gateway, site = seen.gateway, seen.site
    policies = {each.policy.name: each.policy for each in calling} | ({_ANYBODY.name: _ANYBODY} if _open(seen) else {})
    clusters = {cluster.name: cluster for each in routes for cluster in each.clusters}
    denied = [found for each in calling if (found := each.denied)]
    return ir.Gateway(
        name=gateway.name,
        namespace=gateway.namespace,
        listener=_listener(seen, names),
        policies=tuple(policies[name] for name in sorted(policies)),
        keys=tuple(sorted(known, key=lambda each: each.reference)),
        identities=tuple(sorted(tokens, key=lambda each: each.name)),
        issuers=issuers(tokens, seen),
        routes=tuple(sorted((each.route for each in routes), key=lambda each: each.model)),
        clusters=tuple(clusters[name] for name in sorted(clusters)),
        services=(site.ledger, *([site.collector] if site.collector else [])),
        denied=tuple(sorted(denied, key=lambda each: each.client)),
        peers=seen.peers,
        anonymous=_ANYBODY.name if _open(seen) else "",
        adapter_port=ir.ADAPTER_PORT if site.adapter else 0,
        tracing=ir.Tracing(site.collector.name, site.traced_percent) if site.collector else None,
    )


def _listener(seen: Observation, names: tuple[str, ...]) -> ir.Listener:
    limits, tls = seen.gateway.spec.limits, seen.gateway.spec.listener.tls
    return ir.Listener(
        port=seen.site.port,
        hostnames=names,
        tls=certificate(tls.secret_ref.name, seen.site.folder) if tls else None,
        limits=ir.Limits(
            limits.max_request_bytes,
            limits.max_connections,
            limits.max_streams_per_connection,
            seen.site.heap_bytes,
        ),
    )


def _kept(made: ir.Gateway, problems: Iterable[ir.Problem], secrets: Mapping[str, str]) -> ir.Gateway:
    """What nothing is wrong with. A model that loses its route is refused as one that cannot be had, not as unknown."""
    kept = sound(made, problems)
    left = {each.model for each in kept.routes}
    refused = (ir.Route(each.model, (ir.Branch(UNAVAILABLE),)) for each in made.routes if each.model not in left)
    whole = replace(kept, routes=tuple(sorted((*kept.routes, *refused), key=lambda each: each.model)))
    return sound(whole, check(whole, secrets))


def _remarks(seen: Observation, calling: Iterable[Caller], routes: Iterable[Translated]) -> list[Finding]:
    found = [finding for each in routes for finding in each.findings]
    unpriced = {each.subject for each in found if each.reason == UNPRICED.name}
    return remarks(seen.gateway, calling, [each.entry.model for each in routes], unpriced)
