"""`paceline gateway-adapter`: who checks answers against a schema, beside a gateway's Envoy."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Annotated

import typer

from paceline.cli.console import ExitCode, fail
from paceline.kube.logs import set_up

log = logging.getLogger(__name__)


def gateway_adapter(
    folder: Annotated[Path, typer.Option(help="Folder of Envoy's files.")] = Path("/etc/paceline/gateway"),
    asking: Annotated[
        str, typer.Option(metavar="URL", help="Where Envoy answers the adapter's requests.")
    ] = "http://127.0.0.1:9005",
    host: Annotated[str, typer.Option(help="Address for probes and metrics.")] = "0.0.0.0",  # noqa: S104 - a pod's
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port for probes and metrics.")] = 9006,
    local_port: Annotated[int, typer.Option(min=0, max=65535, help="Port on loopback, for Envoy.")] = 9004,
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
) -> None:
    """Check answers against the schema of their route before clients get them."""
    from paceline.adapter import run as adapter  # noqa: PLC0415 - `paceline --help` does not pay for it
    from paceline.adapter.settings import Settings  # noqa: PLC0415

    if not asking.startswith(("http://", "https://")):
        fail(f"--asking is {asking!r}.", "give a URL that begins with http:// or https://", ExitCode.USAGE)
    if not folder.is_dir():
        fail(f"--folder {folder} is no folder.", "give one that is there", ExitCode.USAGE)
    level = log_level.upper()
    if level not in logging.getLevelNamesMapping():
        fail(f"--log-level is {log_level!r}.", "give DEBUG, INFO, WARNING or ERROR", ExitCode.USAGE)
    set_up(level)
    settings = Settings(folder=folder, asking=asking, host=host, port=port, local_port=local_port)
    try:
        asyncio.run(adapter.run(settings, lambda bound: print(f"listening on 127.0.0.1:{bound}", flush=True)))
    except OSError as error:
        fail(f"--port {port} or --local-port {local_port} cannot be used: {error}.", "free the port, or give another")
    log.info("the adapter ended")
