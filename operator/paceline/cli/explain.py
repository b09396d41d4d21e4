"""`paceline explain`: how far a ModelDeployment came, in words, the link to look at first."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.text import Text

from paceline.api.names import FETCH_ROLE
from paceline.cli.chain import Link, State, View, chain, weakest
from paceline.cli.cluster import OPERATOR, Cluster, ContextOption, find_modeldeployment
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

MARKS = {
    State.OK: ("✔", "green"),
    State.WAITING: ("…", "yellow"),
    State.FAILED: ("✘", "bold red"),
    State.NOT_REACHED: ("·", "dim"),
}


def explain(
    target: Annotated[str, typer.Argument(metavar="mdep/NAME", help="The ModelDeployment.")],
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Say in words how far a ModelDeployment came and what holds it up; exit code 4 while a link does not hold."""
    cluster = Cluster.connect(context)
    with working("reading"):
        view = observe(cluster, namespace or cluster.namespace, target)
    links = chain(view)
    first = weakest(links)
    if output is Output.TABLE:
        show(view, links, first)
    else:
        print_data({"name": view.name, "namespace": view.namespace, "links": [asdict(link) for link in links]}, output)
    if first:
        raise typer.Exit(ExitCode.NOT_READY)


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


def show(view: View, links: tuple[Link, ...], first: Link | None) -> None:
    """Print the weakest link with its remedy, then the whole chain."""
    title = f"ModelDeployment {view.namespace}/{view.name}"
    if first is None:
        out.print(Text.assemble((title, "bold"), ": every link holds"))
    else:
        mark, style = MARKS[first.state]
        words = ": look at " if first.state is State.FAILED else ": waiting at "
        out.print(Text.assemble((title, "bold"), words, (first.name, style)))
        out.print(Text.assemble((f"  {mark} ", style), first.text))
        out.print(Text.assemble(("    try: ", "bold"), first.remedy))
    out.print()
    for link in links:
        mark, style = MARKS[link.state]
        out.print(Text.assemble((f"{mark} ", style), (f"{link.name:<11}", "bold"), link.text))
