"""`paceline gateway-agent`: the sidecar of a gateway's Envoy."""

from __future__ import annotations

import asyncio
import http.client
import logging
import os
import re
from pathlib import Path
from typing import Annotated

import typer

from paceline.cli.console import ExitCode, fail
from paceline.kube.logs import set_up

log = logging.getLogger(__name__)
app = typer.Typer(add_completion=False)

_LOCAL_PORT = 9002
_OBJECT = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    gateway: Annotated[str, typer.Option(metavar="NAMESPACE/NAME", help="Whose Envoy it is.")] = "",
    operator: Annotated[str, typer.Option(metavar="URL", help="Where the operator gives configurations.")] = "",
    ledger: Annotated[str, typer.Option(metavar="URL", help="Where records go.")] = "",
    token_file: Annotated[Path | None, typer.Option(help="The pod's token for both; read again each time.")] = None,
    ca_file: Annotated[Path | None, typer.Option(help="Who may have signed their certificates.")] = None,
    folder: Annotated[Path, typer.Option(help="Folder of Envoy's files, in memory.")] = Path("/etc/paceline/gateway"),
    logs: Annotated[Path, typer.Option(help="Folder of Envoy's logs.")] = Path("/var/log/paceline"),
    host: Annotated[str, typer.Option(help="Address for probes and metrics.")] = "0.0.0.0",  # noqa: S104 - a pod's
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port for probes and metrics.")] = 9003,
    local_port: Annotated[int, typer.Option(min=0, max=65535, help="Port on loopback, for Envoy.")] = _LOCAL_PORT,
    addresses_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on loopback for addresses of pods.")
    ] = 9007,
    admin: Annotated[str, typer.Option(metavar="URL", help="Envoy's admin interface.")] = "http://127.0.0.1:9001",
    drain_seconds: Annotated[float, typer.Option(min=0, help="The longest that answers are waited for.")] = 600,
    settle_seconds: Annotated[float, typer.Option(min=0, help="How long a drain takes at least.")] = 5,
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
) -> None:
    """Bring Envoy its files, drain it, and send its log to the ledger."""
    if context.invoked_subcommand:
        return
    from paceline.agent import run as agent  # noqa: PLC0415 - `paceline --help` does not pay for it
    from paceline.agent.settings import Settings  # noqa: PLC0415

    if not _OBJECT.fullmatch(gateway):
        fail(f"--gateway is {gateway!r}.", "give it as namespace/name", ExitCode.USAGE)
    for name, url in {"--operator": operator, "--ledger": ledger, "--admin": admin}.items():
        if not url.startswith(("http://", "https://")):
            fail(f"{name} is {url!r}.", "give a URL that begins with https:// or http://", ExitCode.USAGE)
    if token_file is None:
        fail("--token-file is missing.", "give the file of the pod's token", ExitCode.USAGE)
    for name, path in {"--folder": folder, "--logs": logs}.items():
        if not path.is_dir():
            fail(f"{name} {path} is no folder.", "give one that is there", ExitCode.USAGE)
    level = log_level.upper()
    if level not in logging.getLevelNamesMapping():
        fail(f"--log-level is {log_level!r}.", "give DEBUG, INFO, WARNING or ERROR", ExitCode.USAGE)
    set_up(level)
    settings = Settings(
        gateway=gateway,
        pod=os.environ.get("POD_NAME") or os.uname().nodename,
        operator=operator,
        ledger=ledger,
        ca_file=ca_file,
        token_file=token_file,
        folder=folder,
        logs=logs,
        host=host,
        port=port,
        local_port=local_port,
        addresses_port=addresses_port,
        admin=admin,
        drain_seconds=drain_seconds,
        settle_seconds=settle_seconds,
    )
    try:
        asyncio.run(agent.run(settings, lambda bound: print(f"listening on {host}:{bound}", flush=True)))
    except OSError as error:
        fail(f"--port {port} or --local-port {local_port} cannot be used: {error}.", "free the port, or give another")
    log.info("the agent ended")


@app.command()
def drain(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on loopback of the agent.")] = _LOCAL_PORT,
) -> None:
    """Tell the agent of this pod that the pod is on its way out."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST", "/drain")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        fail(f"no agent listens on 127.0.0.1:{port} ({type(error).__name__}).", "run it in the pod of the agent")
    finally:
        connection.close()
    if status != 202:
        fail(f"what listens on 127.0.0.1:{port} is no agent (status {status}).", "give the agent's --local-port")
