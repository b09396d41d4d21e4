"""`paceline get`: ModelDeployments, Gateways or Consumers, in the columns of their kind."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from paceline.cli.cluster import Cluster, ContextOption, find, missing_crds
from paceline.cli.columns import columns_of
from paceline.cli.console import (
    ExitCode,
    NamespaceOption,
    Output,
    OutputOption,
    err,
    fail,
    print_data,
    print_table,
    working,
)
from paceline.cli.kinds import MODELDEPLOYMENT, Kind, bare_name, kind_of, known_kind


def get(
    kind: Annotated[
        str, typer.Argument(metavar="[KIND]", help="mdep (ModelDeployment), the default; gateway; consumer.")
    ] = "mdep",
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="One object; all of them when left out.")] = "",
    namespace: NamespaceOption = "",
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Every namespace.")] = False,
    context: ContextOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """List ModelDeployments, Gateways or Consumers, or show one: readiness, reason, latency, cost, what is spent."""
    chosen, name = _asked(kind, name)
    cluster = Cluster.connect(context)
    where = "" if all_namespaces else namespace or cluster.namespace
    with working("reading"):
        objects = _objects(cluster, chosen, where, name)
    if output is not Output.TABLE:
        print_data(objects[0] if name else {"apiVersion": "v1", "kind": "List", "items": objects}, output)
    elif not objects:
        err.print(f"No {chosen.name} in {f'namespace {where}' if where else 'any namespace'}.")
    else:
        columns = columns_of(chosen)
        heads = ("NAMESPACE", *columns.heads) if all_namespaces else columns.heads
        rows = [columns.row(item, time.time()) for item in objects]
        print_table(heads, rows if all_namespaces else [cells[1:] for cells in rows])


def _asked(kind: str, name: str) -> tuple[Kind, str]:
    """The kind and the name that both arguments ask for; the name is empty for all objects."""
    if name:
        chosen = known_kind(kind)
        return chosen, bare_name(name, chosen)
    if found := kind_of(kind):
        return found, ""
    word, slash, _ = kind.rpartition("/")
    chosen = known_kind(word) if slash else MODELDEPLOYMENT
    return chosen, bare_name(kind, chosen)


def _objects(cluster: Cluster, kind: Kind, namespace: str, name: str) -> list[dict[str, Any]]:
    if name:
        if not namespace:
            fail(f"the name {name} and --all-namespaces exclude each other.", "use -n NAMESPACE", ExitCode.USAGE)
        return [find(cluster, kind, namespace, name)]
    listed = cluster.get(kind.path(namespace))
    if listed is None:
        missing_crds(cluster)
    items: list[dict[str, Any]] = listed.get("items") or []
    return sorted(items, key=lambda item: (item["metadata"]["namespace"], item["metadata"]["name"]))
