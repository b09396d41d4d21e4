"""An entry of a Gateway's routes: who answers its requests, or why nobody does."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from paceline.api import gateway_reasons as reasons
from paceline.api.backend_spec import Backend
from paceline.api.reason import Reason
from paceline.api.route_spec import Route as Entry
from paceline.gateway import texts
from paceline.gateway.admission import NO_WAIT, Wait, branches, wait
from paceline.gateway.backends import Part, parts
from paceline.gateway.finding import Finding, of_gateway
from paceline.gateway.ir import (
    Branch,
    Check,
    Cluster,
    External,
    Mirror,
    Refusal,
    Reserve,
    Retry,
    Route,
    Share,
    Target,
)
from paceline.gateway.mirror import copied
from paceline.gateway.observation import NO_OBJECTIVE
from paceline.gateway.shares import reduced
from paceline.gateway.surroundings import Surroundings
from paceline.gateway.unresolved import Unresolved

UNAVAILABLE = Refusal("model_unavailable", "Nobody can answer for this model now: its route is not complete.")
NOT_GOVERNED = Refusal("route_not_governed", "This model has no automation level, and this gateway asks for one.")

#: A backend with a weight, and its servers.
_Resolved = tuple[Backend, tuple[Part, ...]]


@dataclass(frozen=True, slots=True)
class Translated:
    """A route, what it leads to, and what is said of it.

    Attributes:
        clusters: All that it refers to.
        answering: The servers that tokens are paid to.
        waits: How requests wait for engines.
    """

    entry: Entry
    route: Route
    clusters: tuple[Cluster, ...] = ()
    answering: tuple[Part, ...] = ()
    waits: Wait = NO_WAIT
    findings: tuple[Finding, ...] = ()


def translated(entry: Entry, around: Surroundings, reserved: Collection[Reserve]) -> Translated:
    """Translate an entry.

    Args:
        entry: Written or found.
        around: What it is translated in.
        reserved: What the Gateway's consumers reserve.
    """
    groups, findings = _groups(entry, around)
    copies, said = _copies(entry, around)
    findings += said
    try:
        found = _answered(entry, groups, copies, around, reserved)
    except Unresolved as error:
        return _refused(entry, UNAVAILABLE, [*findings, _finding(entry, around, error.reason, error.message)])
    if not groups:
        return _refused(entry, UNAVAILABLE, findings)
    if around.gateway.spec.governance == "Required":
        words = "it has no automation level, and spec.governance is Required"
        return _refused(entry, NOT_GOVERNED, [*findings, _finding(entry, around, reasons.NOT_GOVERNED, words)])
    return replace(found, findings=(*findings, *_remarks(entry, groups, around)))


def _refused(entry: Entry, refusal: Refusal, findings: Iterable[Finding]) -> Translated:
    return Translated(entry, Route(entry.model, (Branch(refusal),)), findings=tuple(findings))


def _groups(entry: Entry, around: Surroundings) -> tuple[list[list[_Resolved]], list[Finding]]:
    """The backends that can be had, by priority. Who has no weight answers nobody."""
    found: dict[int, list[_Resolved]] = {}
    findings = []
    for backend in (each for each in entry.backends if each.weight):
        try:
            resolved = tuple(parts(entry, backend, around))
        except Unresolved as error:
            findings.append(_finding(entry, around, error.reason, f"backend {backend.name}: {error.message}"))
        else:
            found.setdefault(backend.priority, []).append((backend, resolved))
    return [found[priority] for priority in sorted(found)], findings


def _copies(entry: Entry, around: Surroundings) -> tuple[Cluster | None, list[Finding]]:
    """Who gets copies. Where that cannot be had, requests are answered all the same."""
    try:
        return copied(entry, around), []
    except Unresolved as error:
        return None, [_finding(entry, around, error.reason, f"mirror: {error.message}")]


def _answered(
    entry: Entry,
    groups: list[list[_Resolved]],
    copies: Cluster | None,
    around: Surroundings,
    reserved: Collection[Reserve],
) -> Translated:
    """The route where nothing is in the way.

    Raises:
        Unresolved: a prompt, a schema or who checks answers against it cannot be had.
    """
    every = _parts(groups)
    reached = {each.cluster.name: each.cluster for each in every} | ({copies.name: copies} if copies else {})
    target = replace(
        _target(entry, groups, reached.values()),
        prompt=texts.prompt(entry.prompt_ref, around.texts),
        mirror=Mirror(copies.name, entry.mirror.weight_percent) if copies and entry.mirror else None,
        check=_check(entry, around),
    )
    waits = wait(entry.waiting, every)
    return Translated(
        entry,
        Route(entry.model, branches(target, around.site.ledger.name, waits, reserved)),
        clusters=tuple(reached.values()),
        answering=tuple(every),
        waits=waits,
    )


def _target(entry: Entry, groups: list[list[_Resolved]], reached: Iterable[Cluster]) -> Target:
    """What follows from the entry and its backends alone."""
    objectives = (each.objective for each in _parts(groups) if each.objective != NO_OBJECTIVE)
    return Target(
        groups=tuple(_shares(group) for group in groups),
        timeout_seconds=entry.timeout_seconds,
        first_byte_seconds=entry.first_byte_timeout_seconds,
        retry=Retry(entry.retry.attempts, entry.retry.retry_on),
        max_output_tokens=entry.max_output_tokens,
        # Engines would fetch from wherever a client names; a provider does that in its own network.
        remote_media=all(isinstance(each.servers, External) for each in reached),
        objective=next(objectives, NO_OBJECTIVE),
    )


def _parts(groups: Iterable[Iterable[_Resolved]]) -> list[Part]:
    return [part for group in groups for _, found in group for part in found]


def _shares(group: list[_Resolved]) -> tuple[Share, ...]:
    """Each part's share among all of its priority."""
    pairs = [(part.cluster.name, backend.weight * part.percent) for backend, found in group for part in found]
    weights = reduced([weight for _, weight in pairs])
    return tuple(Share(name, weight) for (name, _), weight in zip(pairs, weights, strict=True))


def _check(entry: Entry, around: Surroundings) -> Check | None:
    """What answers are held against.

    Raises:
        Unresolved: it is not there, cannot be used, or nobody would do it.
    """
    schema = texts.schema(entry.response_schema_ref, around.texts)
    if schema is None:
        return None
    if not around.site.adapter:
        raise Unresolved(reasons.NOT_CHECKED, "its responseSchemaRef needs an adapter, and none is installed")
    return Check(schema, again=entry.on_invalid_response == "RetryOnce")


def _remarks(entry: Entry, groups: list[list[_Resolved]], around: Surroundings) -> list[Finding]:
    """What is to be known of a route that is answered."""
    findings = []
    early = sorted({backend.name for group in groups[:-1] for backend, found in group for part in found if part.early})
    if early:
        words = f"{', '.join(early)} sends headers before the first token, after which no other backend is tried"
        findings.append(_finding(entry, around, reasons.FAILOVER_LIMITED, words))
    for model, backend in sorted({(part.cluster.model, part.backend) for part in _parts(groups)}):
        if not around.priced(model, backend):
            words = f"model {model} of backend {backend} has no price"
            findings.append(_finding(entry, around, reasons.UNPRICED, words))
    return findings


def _finding(entry: Entry, around: Surroundings, reason: Reason, words: str) -> Finding:
    return of_gateway(around.gateway, reason, entry.model, f"Route {entry.model}: {words}.")
