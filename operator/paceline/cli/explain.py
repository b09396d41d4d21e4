"""`paceline explain`: how far an object came, in words, the link to look at first."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.text import Text

from paceline.api.names import FETCH_ROLE, gateway_labels
from paceline.cli.chain import Link, State, View, caller, chain, door, weakest
from paceline.cli.cluster import OPERATOR, Cluster, ContextOption, find, find_modeldeployment
from paceline.cli.console import (
    CliError,
    ExitCode,
    NamespaceOption,
    Output,
    OutputOption,
    out,
    print_data,
    working,
)
from paceline.cli.kinds import CONSUMER, GATEWAY, MODELDEPLOYMENT, Kind, bare_name, known_kind

MARKS = {
    State.OK: ("✔", "green"),
    State.WAITING: ("…", "yellow"),
    State.FAILED: ("✘", "bold red"),
    State.NOT_REACHED: ("·", "dim"),
}


def explain(
    target: Annotated[
        str, typer.Argument(metavar="KIND/NAME", help="mdep/NAME (a ModelDeployment), gateway/NAME or consumer/NAME.")
    ],
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Say in words how far a ModelDeployment, Gateway or Consumer came and what holds it up.

    Exit code 4 while a link does not hold.
    """
    word, slash, _ = target.rpartition("/")
    kind = known_kind(word) if slash else MODELDEPLOYMENT
    name = bare_name(target, kind)
    cluster = Cluster.connect(context)
    place = namespace or cluster.namespace
    with working("reading"):
        links = _EXPLAINED[kind](cluster, place, name)
    first = weakest(links)
    if output is Output.TABLE:
        show(f"{kind.name} {place}/{name}", links, first)
    else:
        print_data({"name": name, "namespace": place, "links": [asdict(link) for link in links]}, output)
    if first:
        raise typer.Exit(ExitCode.NOT_READY)


def _gateway(cluster: Cluster, namespace: str, name: str) -> tuple[Link, ...]:
    found = find(cluster, GATEWAY, namespace, name)
    labels = ",".join(f"{label}={value}" for label, value in gateway_labels(name).items())
    view = door.GatewayView(
        gateway=found,
        now=time.time(),
        pods=cluster.items(f"/api/v1/namespaces/{namespace}/pods", labelSelector=labels),
        consumers=[
            each
            for each in cluster.items(CONSUMER.path(namespace))
            if f"{namespace}/{name}" in named_gateways(each["spec"], namespace)
        ],
        operators=_operators(cluster),
    )
    return tuple(check(view) for check in door.CHECKS)


def _consumer(cluster: Cluster, namespace: str, name: str) -> tuple[Link, ...]:
    found = find(cluster, CONSUMER, namespace, name)
    gateways = {each: _look(cluster, each) for each in named_gateways(found["spec"], namespace)}
    view = caller.ConsumerView(found, time.time(), gateways, _operators(cluster))
    return tuple(check(view) for check in caller.CHECKS)


def named_gateways(spec: Mapping[str, Any], namespace: str) -> list[str]:
    """The Gateways that a Consumer of a namespace names, as namespace/name."""
    return [f"{ref.get('namespace') or namespace}/{ref['name']}" for ref in spec["gatewayRefs"]]


def _look(cluster: Cluster, gateway: str) -> dict[str, Any] | None:
    """A Gateway; None where it is not there or may not be read."""
    namespace, _, name = gateway.partition("/")
    try:
        return cluster.get(GATEWAY.path(namespace, name))
    except CliError:
        return None


def observe(cluster: Cluster, namespace: str, target: str) -> View:
    """Read a ModelDeployment and everything that hangs from it.

    Raises:
        CliError: it does not exist, or the cluster cannot be read.
    """
    model = find_modeldeployment(cluster, namespace, target)
    name = model["metadata"]["name"]
    ours = {"labelSelector": f"paceline.dev/modeldeployment={name}"}
    core, apps = f"/api/v1/namespaces/{namespace}", f"/apis/apps/v1/namespaces/{namespace}"
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    slices = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    deployments = cluster.items(f"{apps}/deployments", **ours)
    services = [s for s in cluster.items(f"{core}/services", **ours) if s["spec"].get("clusterIP") != "None"]
    service = services[0] if services else None
    pods = cluster.items(f"{core}/pods", **ours)
    return View(
        model=model,
        now=time.time(),
        deployment=deployments[0] if deployments else None,
        replicasets=cluster.items(f"{apps}/replicasets", **ours),
        pods=[pod for pod in pods if not _looks_up(pod)],
        jobs=cluster.items(jobs, **ours),
        lookups=[pod for pod in pods if _looks_up(pod)],
        service=service,
        slices=_slices(cluster, slices, service),
        events=cluster.items(f"{core}/events", fieldSelector="type=Warning"),
        operators=_operators(cluster),
    )


def _looks_up(pod: dict[str, Any]) -> bool:
    return (pod["metadata"].get("labels") or {}).get("app.kubernetes.io/component") == FETCH_ROLE


def _slices(cluster: Cluster, path: str, service: dict[str, Any] | None) -> list[dict[str, Any]]:
    if service is None:
        return []
    return cluster.items(path, labelSelector=f"kubernetes.io/service-name={service['metadata']['name']}")


def _operators(cluster: Cluster) -> int | None:
    """Ready operator pods; None where this user may not look for them."""
    try:
        pods = cluster.items("/api/v1/pods", labelSelector=OPERATOR)
    except CliError:
        return None
    conditions = [c for pod in pods for c in (pod.get("status") or {}).get("conditions") or []]
    return len([c for c in conditions if c["type"] == "Ready" and c["status"] == "True"])


def show(title: str, links: tuple[Link, ...], first: Link | None) -> None:
    """Print the weakest link with its remedy, then the whole chain."""
    if first is None:
        out.print(Text.assemble((title, "bold"), ": every link holds"))
    else:
        mark, style = MARKS[first.state]
        words = ": look at " if first.state is State.FAILED else ": waiting at "
        out.print(Text.assemble((title, "bold"), words, (first.name, style)))
        out.print(Text.assemble((f"  {mark} ", style), first.text))
        out.print(Text.assemble(("    try: ", "bold"), first.remedy))
    out.print()
    width = max(11, *(len(link.name) + 1 for link in links))
    for link in links:
        mark, style = MARKS[link.state]
        out.print(Text.assemble((f"{mark} ", style), (f"{link.name:<{width}}", "bold"), link.text))


_EXPLAINED: dict[Kind, Callable[[Cluster, str, str], tuple[Link, ...]]] = {
    MODELDEPLOYMENT: lambda cluster, namespace, name: chain(observe(cluster, namespace, name)),
    GATEWAY: _gateway,
    CONSUMER: _consumer,
}
