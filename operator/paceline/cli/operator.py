"""`paceline operator`: the operator's process."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
from pathlib import Path
from typing import Annotated

import typer

from paceline.cli.console import ExitCode, fail
from paceline.handlers import Watcher
from paceline.kube.connection import Connection
from paceline.kube.logs import set_up
from paceline.reconcile.runtime import Operator
from paceline.settings import OperatorSettings

log = logging.getLogger(__name__)


def operator(
    config: Annotated[Path, typer.Option(help="Configuration file; read again when it changes.")],
    kubeconfig: Annotated[
        Path | None, typer.Option(help="Default: the pod's own credentials, else KUBECONFIG or ~/.kube/config.")
    ] = None,
    identity: Annotated[
        str, typer.Option(help="Name in the Lease, unique among operators. Default: POD_NAME, else host and a number.")
    ] = "",
    metrics_port: Annotated[int | None, typer.Option(help="Instead of server.metricsPort of the file.")] = None,
    health_port: Annotated[int | None, typer.Option(help="Instead of server.healthPort of the file.")] = None,
) -> None:
    """Run the operator: watch ModelDeployments and, while it holds the Lease, bring them about."""
    settings = OperatorSettings.load(config)
    ports = {"metrics_port": metrics_port, "health_port": health_port}
    server = settings.server.model_copy(update={name: port for name, port in ports.items() if port is not None})
    settings = settings.model_copy(update={"server": server})
    set_up(settings.log.level)
    try:
        asked = asyncio.run(_run(config, settings, Connection(kubeconfig), identity or _identity()))
    except OSError as error:
        fail(f"the operator cannot listen: {error}", "Give other ports in `server` of the file, or end what has them.")
    if not asked:
        raise typer.Exit(ExitCode.FAILED)


async def _run(config: Path, settings: OperatorSettings, connection: Connection, identity: str) -> bool:
    await connection.load()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    log.info("the operator starts as %s, serving %s", identity, ", ".join(s or "*" for s in settings.watch.scopes))
    asked = await Operator(config, settings, connection, identity, Watcher).run(stop)
    log.info("the operator ended")
    return asked


def _identity() -> str:
    """A pod's name is unique and outlives a restart of its container, which then gets its Lease back at once."""
    return os.environ.get("POD_NAME") or f"{socket.gethostname()}-{secrets.token_hex(4)}"
