"""`paceline rollout`: which revision serves, which ones are kept, and the way back to one of them."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from paceline.api.digest import digest
from paceline.api.names import CHILD_SELECTOR, LABEL_OWNER
from paceline.api.revision import INTENT, Revision, intent_of
from paceline.api.spec import Spec
from paceline.cli.chain.view import condition
from paceline.cli.cluster import Cluster, ContextOption, find_modeldeployment, modeldeployment_path
from paceline.cli.columns import age
from paceline.cli.console import ExitCode, NamespaceOption, Output, OutputOption, fail, hint, print_data, print_table

app = typer.Typer(
    help="See a rollout, list the revisions of a model, go back to one of them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="mdep/NAME or NAME.")]


@app.command()
def status(name: NameArgument, namespace: NamespaceOption = "", context: ContextOption = "") -> None:
    """Say how far the rollout is. Exit code 4 while it is under way or stuck."""
    _, found = _read(name, namespace, context)
    progressing = condition(found, "Progressing") or {}
    hint(f"{progressing.get('reason', 'NotYetObserved')}: {progressing.get('message', 'the operator has not seen it')}")
    places = (found.get("status") or {}).get("revisions") or {}
    rows = [[role, place["name"], str(place["replicas"])] for role, place in sorted(places.items(), reverse=True)]
    print_table(["ROLE", "REVISION", "READY"], rows)
    observed = progressing.get("observedGeneration") == found["metadata"].get("generation")
    if not observed or progressing.get("reason") not in {"RolledOut", "PendingDrift"}:
        raise typer.Exit(ExitCode.NOT_READY)


@app.command()
def history(
    name: NameArgument,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """List the revisions that are kept, the one in force first."""
    cluster, found = _read(name, namespace, context)
    kept = _revisions(cluster, found)
    if output is not Output.TABLE:
        print_data([_as_data(revision) for revision, _ in kept], output)
        return
    places = (found.get("status") or {}).get("revisions") or {}
    roles = {place["name"]: role for role, place in places.items()}
    rows = [
        [
            str(one.number),
            one.name,
            roles.get(one.name, "-"),
            one.data["effective"]["image"],
            age(since, time.time()),
        ]
        for one, since in kept
    ]
    print_table(["NUMBER", "REVISION", "ROLE", "IMAGE", "AGE"], rows)


@app.command()
def rollback(
    name: NameArgument,
    to: Annotated[str, typer.Option("--to", help="A revision of `rollout history`, by name or number.")] = "",
    namespace: NamespaceOption = "",
    context: ContextOption = "",
) -> None:
    """Put the spec of a former revision back; default is the one before. Replicas and rollout settings stay."""
    cluster, found = _read(name, namespace, context)
    now = digest(intent_of(Spec.model_validate(found["spec"])))
    target = _target([revision for revision, _ in _revisions(cluster, found)], to, found["metadata"]["name"], now)
    spec = {key: value for key, value in found["spec"].items() if key not in INTENT} | target.data["spec"]
    metadata = found["metadata"]
    cluster.replace(
        modeldeployment_path(metadata["namespace"], metadata["name"]),
        {key: value for key, value in found.items() if key != "status"} | {"spec": spec},
    )
    hint(
        f"the spec is again that of {target.name}; `paceline rollout status mdep/{metadata['name']}` shows the rollout"
    )
    hint("where a GitOps tool owns the manifest, revert it there too, or it puts its own back")


def _read(name: str, namespace: str, context: str) -> tuple[Cluster, dict[str, Any]]:
    cluster = Cluster.connect(context)
    return cluster, find_modeldeployment(cluster, namespace or cluster.namespace, name)


def _revisions(cluster: Cluster, found: dict[str, Any]) -> list[tuple[Revision, str]]:
    """The revisions of a ModelDeployment with the time at which each was made, the newest first."""
    metadata = found["metadata"]
    path = f"/apis/apps/v1/namespaces/{metadata['namespace']}/controllerrevisions"
    selector = CHILD_SELECTOR.replace(LABEL_OWNER, f"{LABEL_OWNER}={metadata['name']}")
    kept = [
        (revision, item["metadata"].get("creationTimestamp", ""))
        for item in cluster.items(path, labelSelector=selector)
        if any(owner["uid"] == metadata["uid"] for owner in item["metadata"].get("ownerReferences") or [])
        and (revision := Revision.parse(item))
    ]
    return sorted(kept, key=lambda pair: -pair[0].number)


def _target(kept: list[Revision], to: str, name: str, now: str) -> Revision:
    """The revision to go back to: the one that is named, or the latest that the spec does not ask for already."""
    if to:
        chosen = [one for one in kept if to in (one.name, str(one.number))]
        if not chosen:
            there = ", ".join(f"{one.number} ({one.name})" for one in kept) or "none"
            fail(f"{name} has no revision {to}.", f"choose one of those that are kept: {there}", ExitCode.NOT_FOUND)
        if chosen[0].intent == now:
            fail(f"the spec of {name} is that of revision {to} already.", "see `paceline rollout status`")
        return chosen[0]
    former = [one for one in kept if one.intent != now]
    if not former:
        fail(f"{name} has no revision with another spec.", "change its spec instead", ExitCode.NOT_FOUND)
    return former[0]


def _as_data(revision: Revision) -> dict[str, Any]:
    return {"name": revision.name, "number": revision.number, **revision.data}
