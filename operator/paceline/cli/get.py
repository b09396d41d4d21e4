"""`paceline get`: ModelDeployments in the columns of their kind."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated, Any

import typer

from paceline.cli.cluster import (
    Cluster,
    ContextOption,
    bare_name,
    check_kind,
    find_modeldeployment,
    is_kind,
    missing_crds,
    modeldeployment_path,
)
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

COLUMNS = ("NAME", "READY", "AVAILABLE", "REASON", "REPLICAS", "TTFT-P95", "TPOT-P95", "COST/H", "AGE")


def get(
    kind: Annotated[str, typer.Argument(metavar="[KIND]", help="mdep (ModelDeployment), the default.")] = "mdep",
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="One object; all of them when left out.")] = "",
    namespace: NamespaceOption = "",
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Every namespace.")] = False,
    context: ContextOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """List ModelDeployments, or show one: readiness, reason, latency and cost."""
    name = _name_of(kind, name)
    cluster = Cluster.connect(context)
    where = "" if all_namespaces else namespace or cluster.namespace
    with working("reading"):
        objects = _objects(cluster, where, name)
    if output is not Output.TABLE:
        print_data(objects[0] if name else {"apiVersion": "v1", "kind": "List", "items": objects}, output)
    elif not objects:
        err.print(f"No ModelDeployment in {f'namespace {where}' if where else 'any namespace'}.")
    else:
        columns = ("NAMESPACE", *COLUMNS) if all_namespaces else COLUMNS
        rows = [row(item, time.time()) for item in objects]
        print_table(columns, rows if all_namespaces else [cells[1:] for cells in rows])


def _name_of(kind: str, name: str) -> str:
    """The name that both arguments ask for; empty for all objects."""
    if name:
        check_kind(kind)
        return bare_name(name)
    return "" if is_kind(kind) else bare_name(kind)


def _objects(cluster: Cluster, namespace: str, name: str) -> list[dict[str, Any]]:
    if name:
        if not namespace:
            fail(f"the name {name} and --all-namespaces exclude each other.", "use -n NAMESPACE", ExitCode.USAGE)
        return [find_modeldeployment(cluster, namespace, name)]
    listed = cluster.get(modeldeployment_path(namespace))
    if listed is None:
        missing_crds(cluster)
    items: list[dict[str, Any]] = listed.get("items") or []
    return sorted(items, key=lambda item: (item["metadata"]["namespace"], item["metadata"]["name"]))


def row(obj: dict[str, Any], now: float) -> tuple[str, ...]:
    """One line of the table, namespace first.

    Args:
        obj: A ModelDeployment as the API server gives it.
        now: Seconds since the epoch, for the age.
    """
    metadata, status = obj["metadata"], obj.get("status") or {}
    conditions = {c["type"]: c for c in status.get("conditions") or []}
    display = status.get("display") or {}
    ready = conditions.get("Ready", {})
    return (
        metadata["namespace"],
        metadata["name"],
        ready.get("status", "Unknown"),
        conditions.get("Available", {}).get("status", "Unknown"),
        ready.get("reason", "-"),
        display.get("replicas") or "-",
        display.get("ttftP95") or "-",
        display.get("tpotP95") or "-",
        display.get("costPerHour") or "-",
        age(metadata.get("creationTimestamp"), now),
    )


def age(created: str | None, now: float) -> str:
    """Time since `created` in kubectl's short form: 45s, 12m, 3h, 9d."""
    if not created:
        return "-"
    seconds = max(0, int(now - datetime.fromisoformat(created).timestamp()))
    for size, unit, below in ((1, "s", 120), (60, "m", 7200), (3600, "h", 172_800)):
        if seconds < below:
            return f"{seconds // size}{unit}"
    return f"{seconds // 86_400}d"
