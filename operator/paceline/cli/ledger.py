"""`paceline ledger`: the ledger's process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paceline.cli.console import ExitCode, fail
from paceline.kube.client import Api, NoFence
from paceline.kube.connection import Connection
from paceline.kube.logs import set_up
from paceline.kube.rate import Ceiling
from paceline.kube.reviews import Reviews
from paceline.render.gateway.pod import AUDIENCE

if TYPE_CHECKING:
    from paceline.ledger.service.verifier import Verifier

log = logging.getLogger(__name__)


def ledger(
    database_url_file: Annotated[
        Path, typer.Option(help="File with the URL of the database, sqlite:////… or postgresql://….")
    ],
    tokens: Annotated[
        Path | None, typer.Option(help="File of digests of tokens; docs/reference/ledger.md says which.")
    ] = None,
    operator: Annotated[
        str, typer.Option(metavar="NAMESPACE/NAME", help="The operator's ServiceAccount: the cluster knows tokens.")
    ] = "",
    reader: Annotated[
        str, typer.Option(metavar="NAMESPACE/NAME", help="ServiceAccount for whose tokens people ask, to read.")
    ] = "",
    config: Annotated[
        Path | None, typer.Option(help="The document of consumers, gateways and models; default: it comes by PUT.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "0.0.0.0",  # noqa: S104 -- a container's service
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8080,
    name: Annotated[str, typer.Option(help="Name of this replica.")] = "ledger",
    replica: Annotated[
        list[str] | None, typer.Option(metavar="NAME=URL", help="Each replica, this one too; needs PostgreSQL.")
    ] = None,
    peer_token_file: Annotated[Path | None, typer.Option(help="Token by which replicas know each other.")] = None,
    tls: Annotated[
        Path | None, typer.Option(help="Folder with tls.crt and tls.key, read again when they change; default: HTTP.")
    ] = None,
    ca_file: Annotated[
        Path | None, typer.Option(help="Who signed other replicas' certificates; default: whom the machine trusts.")
    ] = None,
    drain_seconds: Annotated[
        float, typer.Option(min=0, help="Time for requests that wait for an engine after SIGTERM.")
    ] = 30.0,
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
) -> None:
    """Run the ledger: usage, budgets, admission."""
    # Imported here, so that `paceline --help` works where the ledger's libraries are not installed.
    from paceline.ledger.service import server  # noqa: PLC0415
    from paceline.ledger.service.service import Service  # noqa: PLC0415
    from paceline.ledger.service.settings import Settings  # noqa: PLC0415
    from paceline.ledger.service.verifier import TokenFile  # noqa: PLC0415
    from paceline.ledger.store import Store  # noqa: PLC0415

    replicas = _replicas(replica or [], name, peer_token_file)
    level = log_level.upper()
    if level not in logging.getLevelNamesMapping():
        fail(f"--log-level is {log_level!r}.", "give DEBUG, INFO, WARNING or ERROR", ExitCode.USAGE)
    set_up(level)
    settings = Settings(host, port, name, replicas, peer_token_file, config, tls, ca_file, drain_seconds=drain_seconds)
    if bool(tokens) == bool(operator):
        fail("it must be said who may ask.", "give either --tokens FILE or --operator NAMESPACE/NAME", ExitCode.USAGE)
    known = TokenFile(tokens) if tokens else None
    store = Store.open(_url(database_url_file))

    async def run() -> None:
        async with contextlib.AsyncExitStack() as stack:
            verifier = known or await _reviewed(
                stack, operator, lambda: service.book.gateways if service.book else (), reader
            )
            service = Service(settings, store, verifier)
            await server.run(service, lambda bound: print(f"listening on {host}:{bound}", flush=True))

    try:
        asyncio.run(run())
    except OSError as error:
        fail(f"--host {host} --port {port} cannot be used: {error}.", "free the port, or give another one")
    log.info("the ledger ended")


async def _reviewed(
    stack: contextlib.AsyncExitStack, operator: str, gateways: Callable[[], Iterable[str]], reader: str
) -> Verifier:
    """Tokens are known by the API server of the cluster that this process runs in."""
    from paceline.ledger.service.reviewed import ReviewedTokens  # noqa: PLC0415 - as above

    connection = Connection()
    await connection.load()
    api = Api(connection, fence=NoFence(), ceiling=Ceiling(50, 100), connections=4)
    stack.push_async_callback(api.close)
    return ReviewedTokens(Reviews(api, AUDIENCE), operator, gateways, reader)


def _url(path: Path) -> str:
    """The database's URL; never shown, because a password may be in it."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        fail(f"--database-url-file {path} cannot be read: {type(error).__name__}.", "give a readable file of one line")


def _replicas(given: list[str], name: str, peer_token_file: Path | None) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    if any(not own or not url.startswith(("http://", "https://")) for own, _, url in pairs):
        fail("--replica must be NAME=URL.", "write, for example, ledger-0=http://ledger-0.ledger:8080", ExitCode.USAGE)
    replicas = {own: url.rstrip("/") for own, _, url in pairs}
    if replicas and name not in replicas:
        fail(f"--name {name} is none of the replicas.", "give a --replica for each, this one too", ExitCode.USAGE)
    if len(replicas) > 1 and peer_token_file is None:
        fail("several replicas need --peer-token-file.", "give the file of the token they share", ExitCode.USAGE)
    return replicas
