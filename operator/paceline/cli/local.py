"""`paceline local`: the embedded cluster of this machine."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from paceline.cli.console import ExitCode, Output, OutputOption, err, hint, out, print_data, print_table
from paceline.local import binaries, cluster, envoy, images, kubeconfig, llamaserver, state
from paceline.local.errors import LocalError
from paceline.local.paths import Folders

app = typer.Typer(
    help="Start, stop and look at an embedded Kubernetes on this machine.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


class Image(StrEnum):
    """Images besides paceline's own that can be built here."""

    LLAMA_CPP = "llama-cpp"
    ENVOY = "envoy"


_OTHERS = {Image.LLAMA_CPP: llamaserver, Image.ENVOY: envoy}

NameOption = Annotated[str, typer.Option("--name", help="Name of the cluster; several live side by side.")]


@app.command()
def up(
    name: NameOption = cluster.DEFAULT_NAME,
    fake_nodes: Annotated[
        int | None, typer.Option("--fake-nodes", min=0, max=5000, help="Nodes without machines, by kwok.")
    ] = None,
    gpus: Annotated[
        int | None, typer.Option("--gpus", min=0, max=64, help="Pretended GPUs on each node, the real one included.")
    ] = None,
    audit_log: Annotated[
        bool | None, typer.Option("--audit-log/--no-audit-log", help="Let the API server write an audit log.")
    ] = None,
    merge_kubeconfig: Annotated[
        bool, typer.Option("--merge-kubeconfig", help="Also make it the current context of your own kubeconfig.")
    ] = False,
) -> None:
    """Make the cluster run: start it, repair it, or find that it runs. Options left out stay as they were."""
    asked = {"fake_nodes": fake_nodes, "gpus": gpus, "audit": audit_log}
    found = cluster.up(name, {key: value for key, value in asked.items() if value is not None}, hint)
    if merge_kubeconfig:
        hint(f"context {kubeconfig.context(name)} is now the current one of {cluster.merge_into_user_kubeconfig(name)}")
    else:
        hint(f"export KUBECONFIG={found.kubeconfig}")
    out.print(str(found.kubeconfig), markup=False)


@app.command()
def down(
    name: NameOption = cluster.DEFAULT_NAME,
    everything: Annotated[bool, typer.Option("--all", help="Remove all local clusters of this user.")] = False,
) -> None:
    """Remove the cluster and everything of it. Doing it twice is no error."""
    failed: list[LocalError] = []
    for each in state.named() if everything else [name]:
        try:
            hint(f"{each}: removed" if cluster.down(each) else f"{each}: there is none")
        except LocalError as error:
            failed.append(error)
    if failed:
        raise LocalError(" ".join(error.message for error in failed), failed[0].remedy)


@app.command()
def status(
    name: Annotated[str, typer.Option("--name", help="Only this cluster; default is all.")] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Say how the clusters are, and where their kubeconfigs and logs lie. Exit code 3: absent, 4: degraded."""
    names = [name] if name else state.named() or [cluster.DEFAULT_NAME]
    found = [cluster.status(each) for each in names]
    if output is not Output.TABLE:
        data = [each.as_data() for each in found]
        print_data(data[0] if name else data, output)
    else:
        _print_status(found)
    states = {each.state for each in found}
    if "Degraded" in states:
        raise typer.Exit(ExitCode.NOT_READY)
    if name and "Absent" in states:
        raise typer.Exit(ExitCode.NOT_FOUND)


def _print_status(found: list[cluster.Cluster]) -> None:
    rows = [[each.name, each.state, each.server or "-", str(each.kubeconfig), str(each.logs)] for each in found]
    print_table(["NAME", "STATE", "SERVER", "KUBECONFIG", "LOGS"], rows)
    for each in found:
        if each.message:
            hint(f"{each.name}: {each.message}")


# What follows the first word belongs to kubectl, a second "--" included.
@app.command(context_settings={"allow_extra_args": True, "allow_interspersed_args": False})
def kubectl(context: typer.Context, name: NameOption = cluster.DEFAULT_NAME) -> None:
    """Run the kubectl that was built with the cluster, against the cluster."""
    raise typer.Exit(cluster.kubectl(name, *context.args))


@app.command("images")
def build_images(
    name: Annotated[str, typer.Option("--name", help="Also import it into this cluster.")] = "",
    engine: Annotated[
        Image | None, typer.Option("--engine", help="Build the image of this program instead of paceline's.")
    ] = None,
) -> None:
    """Build the container image, where its inputs have changed."""
    if engine:
        other = _OTHERS[engine]
        other.image()
        if name:
            other.load(cluster.status(name))
        out.print(other.REFERENCE, markup=False)
        return
    reference = images.ensure()
    if name:
        images.load(cluster.status(name), reference)
    out.print(reference, markup=False)


@app.command()
def load(
    archive: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="OCI or Docker archive of an image.")],
    name: NameOption = cluster.DEFAULT_NAME,
) -> None:
    """Bring an image into the cluster: it has no way to a registry."""
    images.import_archive(Folders.of(name), archive)


#: Programs that are made only where they are named.
_NAMED = {llamaserver.NAME: llamaserver.ensure, envoy.NAME: envoy.ensure}
_TOOLS = (*binaries.TOOLS, *_NAMED)


def _known_tools(tools: list[str] | None) -> list[str] | None:
    for tool in tools or ():
        if tool not in _TOOLS:
            raise typer.BadParameter(f"'{tool}' is none of {', '.join(_TOOLS)}")
    return tools


@app.command("binaries")
def build_binaries(
    tools: Annotated[
        list[str] | None,
        typer.Argument(
            help=f"Of {', '.join(_TOOLS)}; default is all but {' and '.join(_NAMED)}.", callback=_known_tools
        ),
    ] = None,
) -> None:
    """Build the cluster's programs ahead of time, where their sources have changed."""
    for tool in tools or binaries.TOOLS:
        path = _NAMED[tool]() if tool in _NAMED else binaries.ensure(tool)
        err.print(f"{tool}: {path}", markup=False)
