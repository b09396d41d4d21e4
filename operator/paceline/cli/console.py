"""What a user sees: colours, tables, progress, errors, exit codes.

Results go to stdout, everything else (progress, hints, errors) to stderr, so that output can be piped.
Colour and movement stop by themselves where the stream is no terminal or NO_COLOR is set.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum, StrEnum
from typing import Annotated, Any, NoReturn

import typer
import yaml
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class ExitCode(IntEnum):
    """The exit codes of every command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    NOT_READY = 4
    UNREACHABLE = 5


class CliError(Exception):
    """A failure that is told to the user in words.

    Attributes:
        message: What is wrong, with the value.
        remedy: What to do about it; may be empty.
        code: The program's exit code.
    """

    def __init__(self, message: str, remedy: str, code: ExitCode) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.code = code


class Output(StrEnum):
    """Forms of a result."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Form of the result.")]
NamespaceOption = Annotated[
    str, typer.Option("--namespace", "-n", help="Namespace; default is that of the kubeconfig's context.")
]


def fail(message: str, remedy: str, code: ExitCode = ExitCode.FAILED) -> NoReturn:
    """End the command.

    Args:
        message: What is wrong, naming the value.
        remedy: What the user can do.
        code: The exit code.

    Raises:
        CliError: always; `paceline.cli.main.run` prints it.
    """
    raise CliError(message, remedy, code)


def print_error(message: str, remedy: str) -> None:
    """Print a failure and its remedy on stderr."""
    err.print(Text.assemble(("error: ", "bold red"), message))
    if remedy:
        err.print(Text.assemble(("try:   ", "bold"), remedy))


def hint(text: str) -> None:
    """Print a remark on stderr."""
    err.print(Text(text, style="dim"))


def print_data(data: Any, output: Output) -> None:
    """Print JSON-able data as JSON or YAML."""
    if output is Output.JSON:
        text = json.dumps(data, indent=2, ensure_ascii=False)
    else:
        text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True).rstrip()
    out.print(text, markup=False)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table in kubectl's shape: capital heads, no lines, nothing cut however wide the words are."""
    lines = [columns, *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for number, line in enumerate(lines):
        text = Text("   ").join(
            _cell(value, "bold" if number == 0 else "").append(" " * (width - len(value)))
            for value, width in zip(line, widths, strict=True)
        )
        text.rstrip()
        out.print(text, soft_wrap=True)


def card(title: str, facts: Mapping[str, str]) -> Table:
    """A framed table of one object: its facts as columns."""
    grid = Table(title=title, box=box.ROUNDED, title_justify="left", title_style="bold", header_style="bold")
    for column in facts:
        grid.add_column(column, no_wrap=True)
    grid.add_row(*(_cell(value) for value in facts.values()))
    return grid


def _cell(value: str, style: str = "") -> Text:
    colour = {"True": "green", "False": "red", "Unknown": "yellow"}.get(value, "")
    return Text().append(value, style=style or colour)


@contextmanager
def working(text: str) -> Iterator[None]:
    """Show a spinner beside `text` while the block runs; on a pipe nothing is shown."""
    if not err.is_terminal:
        yield
        return
    with err.status(Text(text)):
        yield
