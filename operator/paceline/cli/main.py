"""The `paceline` program: its list of commands and its last resort for errors.

A command's module is imported when the command is looked at, so that `paceline version` stays quick and a
command whose module cannot be imported does not take the others with it.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from paceline.cli.console import CliError, ExitCode, fail, print_error
from paceline.errors import PacelineError


@dataclass(frozen=True)
class Entry:
    """A command: the module that holds it and the line that `paceline --help` shows.

    The module has a `typer.Typer` called `app` (a group) or a function named like the module.
    """

    module: str
    help: str


COMMANDS: dict[str, Entry] = {
    "demo": Entry("demo", "Bring up a cluster, install paceline, serve a model, open a door to it."),
    "local": Entry("local", "Start, stop and look at an embedded Kubernetes on this machine."),
    "get": Entry("get", "List ModelDeployments, or show one."),
    "explain": Entry("explain", "Say in words how far a ModelDeployment came and what holds it up."),
    "rollout": Entry("rollout", "See a rollout, list the revisions of a model, go back to one of them."),
    "chat": Entry("chat", "Talk to a served model and see its TTFT and TPOT."),
    "key": Entry("key", "Make, rotate and revoke the keys of a Consumer."),
    "usage": Entry("usage", "See what was used and what it cost."),
    "logs": Entry("logs", "Print the logs of a model's engine pods, or of the operator."),
    "enable": Entry("enable", "Print the Role and RoleBinding that let the operator work in a namespace."),
    "crds": Entry("crds", "Print the CustomResourceDefinitions."),
    "version": Entry("version", "Print the version."),
    "operator": Entry("operator", "Run the operator (the container's process)."),
    "ledger": Entry("ledger", "Run the ledger: usage, budgets, admission (the container's process)."),
    "fetch": Entry("fetch", "Look up and bring a model's files (the process of a pod)."),
    "gateway-agent": Entry("gateway_agent", "Run the sidecar of a gateway's Envoy (the container's process)."),
    "gateway-adapter": Entry("gateway_adapter", "Run who checks a gateway's answers (the container's process)."),
    "engine-sim": Entry("engine_sim", "Run the simulated engine (the container's process)."),
}


class LazyGroup(TyperGroup):
    """A command group that imports a command's module when the command is run, not when it is listed."""

    listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of all commands, in the order of the table above."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command called `cmd_name`, or None."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        return build(cmd_name, entry, _nothing) if self.listing else load(cmd_name, entry)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page from the table alone."""
        self.listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self.listing = False


def load(name: str, entry: Entry) -> Any:
    """Import a command; one that cannot be imported becomes a command that says so when it is run."""
    try:
        module = importlib.import_module(f"paceline.cli.{entry.module}")
    except ImportError as error:
        return build(name, entry, _unavailable(name, str(error)))
    return build(name, entry, getattr(module, "app", None) or getattr(module, entry.module))


def build(name: str, entry: Entry, target: typer.Typer | Callable[..., None]) -> Any:
    """Make a command of a function, or a group of a `typer.Typer`."""
    if not isinstance(target, typer.Typer):
        function, target = target, typer.Typer(add_completion=False)
        target.command(name)(function)
    command = get_command(target)
    command.name = name
    command.short_help = entry.help
    return command


def _nothing() -> None:
    """Stand in for a command that is only listed."""


def _unavailable(name: str, why: str) -> Callable[..., None]:
    def unavailable() -> None:
        fail(
            f"`paceline {name}` is not part of this installation ({why}).",
            "install paceline again with all of its requirements: pip install --force-reinstall paceline",
        )

    return unavailable


app = typer.Typer(
    cls=LazyGroup,
    name="paceline",
    help="Serve language models on Kubernetes, measured and explained.",
    epilog=(
        "Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 not found, 4 not ready in time, 5 cluster not reached. "
        "The cluster is that of KUBECONFIG or ~/.kube/config, or the one the program runs in."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _root() -> None:
    """Serve language models on Kubernetes, measured and explained."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line.

    Args:
        arguments: What follows the program's name.

    Returns:
        The exit code. Nothing is raised: the last handler writes the traceback to a file and names it.
    """
    try:
        get_command(app).main(args=list(arguments), prog_name="paceline")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except CliError as error:
        print_error(error.message, error.remedy)
        return error.code
    except PacelineError as error:
        print_error(error.message, getattr(error, "remedy", ""))
        return ExitCode.FAILED
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 - the last resort: a user never sees a traceback
        path = write_details(arguments)
        where = f"the details are in {path}; please report them" if path else "no file could be written; report this"
        print_error(
            f"paceline met an error that it does not know ({type(error).__name__}: {error}).",
            f"{where} with the command you ran",
        )
        return ExitCode.FAILED
    return ExitCode.OK


def write_details(arguments: Sequence[str]) -> Path | None:
    """Write the traceback being handled to the user's state folder, or else to the folder for temporary files.

    Returns:
        The file, readable by its owner only; None where neither folder can be written to.
    """
    text = f"paceline {' '.join(arguments)}\npython {sys.version}\n\n{traceback.format_exc()}"
    for folder in (_errors_folder, tempfile.gettempdir):
        with suppress(OSError, RuntimeError):
            handle, name = tempfile.mkstemp(".txt", time.strftime("%Y%m%dT%H%M%S-"), folder())
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
            return Path(name)
    return None


def _errors_folder() -> str:
    """The folder for tracebacks; RuntimeError where this user has no home."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    folder = state / "paceline" / "errors"
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)
