"""An entry of a Gateway's routes: who answers its requests, or why nobody does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from paceline.api import gateway_reasons as reasons
from paceline.api.backend_spec import Backend
from paceline.api.reason import Reason
from paceline.api.route_spec import Route as Entry
from paceline.gateway import texts
from paceline.gateway.backends import Part, cluster_name, parts
from paceline.gateway.finding import Finding, of_gateway
from paceline.gateway.ir import Admission, Branch, Cluster, External, Refusal, Retry, Route, Share, Target
from paceline.gateway.observation import NO_OBJECTIVE, Site
from paceline.gateway.shares import reduced
from paceline.gateway.surroundings import Surroundings
from paceline.gateway.unresolved import Unresolved

#: How long the ledger may take to say what it knows at once; and what is added to the time that a request may wait.
ANSWER_SECONDS = 5

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
        waits: Nobody can take a request now, and requests may wait.
        prompt_bytes: Of the prompt that is put before each conversation.
        schema: That answers are checked against; "" for none.
    """

    entry: Entry
    route: Route
    clusters: tuple[Cluster, ...] = ()
    answering: tuple[Part, ...] = ()
    waits: bool = False
    prompt_bytes: int = 0
    schema: str = ""
    findings: tuple[Finding, ...] = ()


def translated(entry: Entry, around: Surroundings, *, reserves: bool) -> Translated:
    """Translate an entry.

    Args:
        entry: Written or found.
        around: What it is translated in.
        reserves: There are consumers for whose requests somebody is asked first.
    """
    groups, findings = _groups(entry, around)
    try:
        found = _answered(entry, groups, around, reserves=reserves)
    except Unresolved as error:
        findings.append(_finding(entry, around, error.reason, error.message))
        found = None
    if found is None or not groups:
        return Translated(entry, Route(entry.model, (Branch(UNAVAILABLE),)), findings=tuple(findings))
    if around.gateway.spec.governance == "Required":
        words = "it has no automation level, and spec.governance is Required"
        findings.append(_finding(entry, around, reasons.NOT_GOVERNED, words))
        return Translated(entry, Route(entry.model, (Branch(NOT_GOVERNED),)), findings=tuple(findings))
    return replace(found, findings=(*findings, *_remarks(entry, groups, around)))


def _groups(entry: Entry, around: Surroundings) -> tuple[list[list[_Resolved]], list[Finding]]:
    """The backends that can be had, by priority. Who has no weight answers nobody."""
    found: dict[int, list[_Resolved]] = {}
    findings = []
    for backend in entry.backends:
        if not backend.weight:
            continue
        try:
            found.setdefault(backend.priority, []).append((backend, tuple(parts(entry, backend, around))))
        except Unresolved as error:
            findings.append(_finding(entry, around, error.reason, f"backend {backend.name}: {error.message}"))
    return [found[priority] for priority in sorted(found) if found[priority]], findings


def _answered(entry: Entry, groups: list[list[_Resolved]], around: Surroundings, *, reserves: bool) -> Translated:
    """The route where nothing is in the way.

    Raises:
        Unresolved: a prompt or a schema cannot be had.
    """
    every = _parts(groups)
    prompt = texts.prompt(entry.prompt_ref, around.texts)
    schema = texts.schema(entry.response_schema_ref, around.texts)
    waits = _waits(entry, every)
    target = Target(
        groups=tuple(_shares(group) for group in groups),
        timeout_seconds=entry.timeout_seconds,
        first_byte_seconds=entry.first_byte_timeout_seconds,
        retry=Retry(entry.retry.attempts, entry.retry.retry_on),
        max_output_tokens=entry.max_output_tokens,
        # Engines would fetch from wherever a client names; a provider does that in its own network.
        remote_media=all(isinstance(each.cluster.servers, External) for each in every),
        prompt=prompt,
        objective=next((each.objective for each in every if each.objective != NO_OBJECTIVE), NO_OBJECTIVE),
        admission=_admission(around.site, entry.waiting.max_seconds + ANSWER_SECONDS) if waits else None,
    )
    clusters = tuple({each.cluster.name: each.cluster for each in every}.values())
    if schema is not None:
        adapter = _adapter(entry, around.site)
        target, clusters = replace(target, groups=((Share(adapter.name),),)), (adapter,)
    return Translated(
        entry,
        Route(entry.model, _branches(target, around.site, reserves=reserves)),
        clusters,
        tuple(every),
        waits,
        len(prompt.text.encode("utf-8", "surrogatepass")) if prompt else 0,
        schema or "",
    )


def _waits(entry: Entry, every: list[Part]) -> bool:
    """Whether requests wait now: nobody can take one, and somebody will."""
    may = entry.waiting.max_seconds > 0 and entry.waiting.max_requests > 0
    return may and not any(each.ready for each in every) and any(each.awaited for each in every)


def _parts(groups: Iterable[Iterable[_Resolved]]) -> list[Part]:
    return [part for group in groups for _, found in group for part in found]


def _shares(group: list[_Resolved]) -> tuple[Share, ...]:
    """Each part's share among all of its priority."""
    pairs = [(part.cluster.name, backend.weight * part.percent) for backend, found in group for part in found]
    weights = reduced([weight for _, weight in pairs])
    return tuple(Share(name, weight) for (name, _), weight in zip(pairs, weights, strict=True))


def _branches(target: Target, site: Site, *, reserves: bool) -> tuple[Branch, ...]:
    if target.admission or not reserves:
        return (Branch(target),)
    asked = replace(target, admission=_admission(site, ANSWER_SECONDS))
    return Branch(asked, reserves=True), Branch(target)


def _admission(site: Site, seconds: int) -> Admission:
    return Admission(site.ledger.name, seconds)


def _adapter(entry: Entry, site: Site) -> Cluster:
    """Who asks in the gateway's stead, and checks what is answered."""
    if site.adapter is None:
        raise Unresolved(reasons.NOT_CHECKED, "its responseSchemaRef needs an adapter, and none is installed")
    return Cluster(cluster_name("answers", "adapter", entry.model), site.adapter, entry.model, ours=True)


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
