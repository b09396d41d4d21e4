"""`paceline logs`: what a model's engines, or the operator, say."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from typing import Annotated, Any

import httpx
import typer
from rich.text import Text

from paceline.cli.cluster import OPERATOR, Cluster, ContextOption, find_modeldeployment, status_message
from paceline.cli.console import CliError, ExitCode, NamespaceOption, fail, hint, out

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_red")

#: Lines that wait for the printer before the readers pause.
BUFFER_LINES = 1000


def logs(
    target: Annotated[str, typer.Argument(metavar="mdep/NAME|operator", help="A ModelDeployment, or `operator`.")],
    namespace: NamespaceOption = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as new lines come.")] = False,
    tail: Annotated[int, typer.Option("--tail", min=1, help="Lines of each pod to begin with.")] = 100,
    previous: Annotated[
        bool, typer.Option("--previous", "-p", help="Of the container before the last restart.")
    ] = False,
    context: ContextOption = "",
) -> None:
    """Print the logs of a model's engine pods, each line after the name of its pod, or those of the operator."""
    cluster = Cluster.connect(context)
    pods = _operator_pods(cluster) if target == "operator" else _engine_pods(cluster, namespace, target)
    query = {"tailLines": str(tail), "follow": str(follow).lower(), "previous": str(previous).lower()}
    lines: queue.Queue[tuple[int, str] | None] = queue.Queue(BUFFER_LINES)
    for number, pod in enumerate(pods):
        reader = threading.Thread(target=_read, args=(cluster, pod, number, query, lines), daemon=True)
        reader.start()
    _print(lines, [pod["metadata"]["name"] for pod in pods])


def _engine_pods(cluster: Cluster, namespace: str, target: str) -> list[dict[str, Any]]:
    model = find_modeldeployment(cluster, namespace or cluster.namespace, target)
    metadata = model["metadata"]
    pods = cluster.items(
        f"/api/v1/namespaces/{metadata['namespace']}/pods",
        labelSelector=f"paceline.dev/modeldeployment={metadata['name']},app.kubernetes.io/component=engine",
    )
    if not pods:
        remedy = f"see why: paceline explain mdep/{metadata['name']}"
        fail(f"{metadata['name']} has no engine pods.", remedy, ExitCode.NOT_FOUND)
    return pods


def _operator_pods(cluster: Cluster) -> list[dict[str, Any]]:
    pods = cluster.items("/api/v1/pods", labelSelector=OPERATOR)
    if not pods:
        remedy = "install it: helm install paceline charts/paceline -n paceline-system --create-namespace"
        fail(f"no operator pod was found in the cluster at {cluster.server}.", remedy, ExitCode.NOT_FOUND)
    return pods


def _read(
    cluster: Cluster,
    pod: dict[str, Any],
    number: int,
    query: dict[str, str],
    lines: queue.Queue[tuple[int, str] | None],
) -> None:
    """Put one pod's lines into the queue, then None. A pod that gives none says why instead."""
    metadata = pod["metadata"]
    container = pod["spec"]["containers"][0]["name"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/log"
    try:
        with cluster.stream("GET", path, query={"container": container, **query}) as answer:
            if answer.status_code == httpx.codes.OK:
                for line in answer.iter_lines():
                    lines.put((number, line))
            else:
                lines.put((number, f"(no log: {status_message(answer)})"))
    except CliError as error:
        lines.put((number, f"(the log broke off: {error.message})"))
    finally:
        lines.put(None)


def _print(lines: queue.Queue[tuple[int, str] | None], names: Sequence[str]) -> None:
    running = len(names)
    hint(f"{running} pod{'s' if running > 1 else ''}: {', '.join(names)}")
    while running:
        item = lines.get()
        if item is None:
            running -= 1
            continue
        number, line = item
        if len(names) == 1:
            out.print(line, markup=False)
        else:
            out.print(Text.assemble((names[number], COLOURS[number % len(COLOURS)]), " ", line))
