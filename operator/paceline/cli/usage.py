"""`paceline usage`: what was used and what it cost, as the ledger has it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from paceline.api import money
from paceline.cli.chain.view import count
from paceline.cli.cluster import Cluster, ContextOption
from paceline.cli.console import ExitCode, Output, OutputOption, fail, hint, out, print_data, print_table, working
from paceline.cli.reader import SYSTEM, Reader, SystemOption

app = typer.Typer(help="See what was used and what it cost.", add_completion=False, rich_markup_mode=None)

FromOption = Annotated[
    str, typer.Option("--from", metavar="TIME", help="Since when, such as 2026-11-02 or 2026-11-02T10:00:00Z.")
]
ToOption = Annotated[str, typer.Option("--to", metavar="TIME", help="Until when; default is now.")]

_FIGURES = {
    "ATTEMPTS": "attempts",
    "INPUT": "inputTokens",
    "CACHED": "cachedInputTokens",
    "OUTPUT": "outputTokens",
    "REASONING": "reasoningTokens",
    "COST": "cost",
}


@app.callback(invoke_without_command=True)
def usage(
    command: typer.Context,
    by: Annotated[
        str,
        typer.Option("--by", help="Of consumer, team, gateway, route, model, backend, class; several with commas."),
    ] = "consumer",
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME=VALUE", help="What to keep to, as team=support.")
    ] = None,
    since: FromOption = "",
    until: ToOption = "",
    system: SystemOption = SYSTEM,
    context: ContextOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Sum attempts, tokens and cost by quarters of an hour; default is the last 24 hours. The dearest come first."""
    if command.invoked_subcommand:
        return
    query = {"by": by} | _filters(only or []) | _times(since, until)
    with working("asking the ledger"):
        found = Reader(Cluster.connect(context), system).get("/v1/usage", query)
    if output is not Output.TABLE:
        print_data(found, output)
        return
    names = list(dict.fromkeys(name for name in by.split(",") if name))
    show(found, names)


def show(found: dict[str, Any], names: list[str]) -> None:
    """Print sums as a table, and below it what all of them are together.

    Args:
        found: The ledger's answer.
        names: What the sums are grouped by.
    """
    rows = found["rows"]
    if rows:
        cells = [[*(row[name] or "-" for name in names), *(str(row[key]) for key in _FIGURES.values())] for row in rows]
        print_table([*(name.upper() for name in names), *_FIGURES], cells)
    total = money.text(sum(row["costMicros"] for row in rows))
    attempts = sum(row["attempts"] for row in rows)
    hint(f"{count(attempts, 'attempt')}, {total} in all, from {found['from']} to {found['to']}")
    if any(row.get("model") == "" for row in rows):
        hint("without a model: refused before one was asked")
    if unpriced := sum(row["unpricedAttempts"] for row in rows):
        hint(f"{count(unpriced, 'attempt')} had no price (Gateway.spec.prices) and cost 0")


@app.command()
def export(
    consumer: Annotated[
        str, typer.Option("--consumer", metavar="NAMESPACE/NAME", help="Only of this one; default is all.")
    ] = "",
    since: FromOption = "",
    until: ToOption = "",
    system: SystemOption = SYSTEM,
    context: ContextOption = "",
) -> None:
    """Print one line of JSON for each attempt, in the order of time; default is the last 24 hours.

    A request that was tried at two backends has two lines with the same requestId.
    """
    query = ({"consumer": consumer} if consumer else {}) | _times(since, until)
    rows = 0
    with Reader(Cluster.connect(context), system).stream("/v1/export", query) as answer:
        for line in answer.iter_lines():
            out.print(line, markup=False)
            rows += 1
    hint(count(rows, "attempt"))


def _filters(given: list[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    wrong = [each for each, (name, sign, _) in zip(given, pairs, strict=True) if not name or not sign]
    if wrong:
        fail(f"--only {wrong[0]!r} is not NAME=VALUE.", "write, for example, --only team=support", ExitCode.USAGE)
    return {name: value for name, _, value in pairs}


def _times(since: str, until: str) -> dict[str, str]:
    given = {"from": ("--from", since), "to": ("--to", until)}
    return {name: _time(option, value) for name, (option, value) in given.items() if value}


def _time(option: str, value: str) -> str:
    """RFC 3339; without a time zone it is UTC, in which the ledger counts."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        fail(f"{option} {value!r} is no time.", "write 2026-11-02 or 2026-11-02T10:00:00Z", ExitCode.USAGE)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
