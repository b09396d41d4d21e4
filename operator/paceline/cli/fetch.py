"""`paceline fetch`: look a model's source up and bring its files, once, in a pod that may do nothing else."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from paceline.api.source import Report
from paceline.fetch.order import guard, parse
from paceline.fetch.places import prepare
from paceline.fetch.reasons import Interrupted, failure
from paceline.fetch.report import encode
from paceline.fetch.run import Fetch
from paceline.fetch.secret import Redactor

#: What will not get better by itself; 1 is for what may.
STALLED = 3


def fetch(
    source: Annotated[
        list[str], typer.Option(metavar="JSON", help="Files to look up, an object as in docs/reference/fetch.md.")
    ],
    into: Annotated[Path | None, typer.Option(help="Folder to bring them to, each source below its name.")] = None,
    chat_template: Annotated[Path | None, typer.Option(help="Chat template that the model is to have.")] = None,
    allow_network: Annotated[
        list[str] | None, typer.Option(metavar="CIDR", help="Private network that may be connected to.")
    ] = None,
    shared: Annotated[bool, typer.Option(help="Name folders by their content: others lie beside them.")] = False,
    report: Annotated[Path | None, typer.Option(help="File for the report, which stdout gets too.")] = None,
) -> None:
    """Look up what a model's source is now and, with --into, bring its files. Exit code 3: a person must act."""
    # As PID 1 a process without a handler ignores SIGTERM. The first signal unwinds, so that locks are given back.
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    # Libraries log addresses, some of them signed; nothing but our own lines may be seen.
    logging.disable(logging.CRITICAL)
    redact = Redactor()
    try:
        # Libraries print too, and stdout holds the report and nothing else.
        with redirect_stdout(sys.stderr):
            found = _run(source, into, chat_template, allow_network or [], redact, shared=shared)
    except (Exception, Interrupted) as error:  # noqa: BLE001 - whoever waits reads the report and nothing else
        found = Report(failure=failure(error))
    _deaf()
    text = encode(found, redact, complete=into is None)
    _write(report, text)
    _leave(json.loads(text).get("failure"))


def _run(
    sources: list[str],
    into: Path | None,
    chat_template: Path | None,
    networks: list[str],
    redact: Redactor,
    *,
    shared: bool,
) -> Report:
    order = parse(sources, into, chat_template, shared=shared)
    guarding = guard(networks)
    prepare(order.sources)
    guarding.install()
    return Fetch(order, redact=redact).run()


def _write(path: Path | None, text: str) -> None:
    print(text, flush=True)
    if path is not None:
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            print(f"the report could not be written ({error.strerror}); it is on stdout", file=sys.stderr)


def _leave(failure: Any) -> None:
    """End; at once after a failure, for a thread may hang in a read that nobody needs any more."""
    if failure is None:
        return
    sys.stderr.flush()
    os._exit(1 if failure["retry"] else STALLED)


def _interrupt(*_: object) -> NoReturn:
    _deaf()
    raise Interrupted


def _deaf() -> None:
    """Hear no further signal: the end is near, and the report is still to be written."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
