"""Writes the pages that come from the code: docs/reference/cli.md. `make verify` runs it; a test compares.

Usage: python docs/generate.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from paceline.cli.console import ExitCode
from paceline.cli.main import COMMANDS, load

HERE = Path(__file__).resolve().parent

HEAD = """\
# Command line

<!-- Written by docs/generate.py from the commands themselves. -->

`paceline COMMAND --help` shows the same. The cluster is the one of `KUBECONFIG`, else of `~/.kube/config`, else the
pod's own, else the only embedded cluster of this user. Results go to stdout, everything else to stderr; colours stop on
a pipe and with `NO_COLOR`.

| exit code | meaning |
|---|---|
"""

MEANING = {
    ExitCode.OK: "done",
    ExitCode.FAILED: "failed; the message says why and what to do",
    ExitCode.USAGE: "wrong usage",
    ExitCode.NOT_FOUND: "what was named does not exist",
    ExitCode.NOT_READY: "it exists and is not ready, or was not in time",
    ExitCode.UNREACHABLE: "the cluster was not reached",
}


def cli() -> str:
    """The page on the command line."""
    lines = [HEAD + "\n".join(f"| {code.value} | {MEANING[code]} |" for code in ExitCode)]
    for name, entry in COMMANDS.items():
        command = load(name, entry)
        lines.append(f"## paceline {name}")
        children = getattr(command, "commands", None)
        if children is None:
            lines.extend(_command(f"paceline {name}", command))
        else:
            # Few groups do something without a command of theirs.
            own = any(each.name != "help" for each in command.params)
            lines.extend(_command(f"paceline {name}", command) if own else [entry.help])
            for child in children.values():
                lines.append(f"### paceline {name} {child.name}")
                lines.extend(_command(f"paceline {name} {child.name}", child))
    return "\n\n".join(lines) + "\n"


def _command(path: str, command: Any) -> Iterator[str]:
    parameters = [each for each in command.params if each.name != "help" and not getattr(each, "hidden", False)]
    arguments = " ".join(_metavar(each) for each in parameters if each.param_type_name == "argument")
    options = [each for each in parameters if each.param_type_name == "option"]
    usage = " ".join(part for part in (path, arguments, "[OPTIONS]" if options else "") if part)
    yield f"```text\n{usage}\n```"
    yield " ".join((command.help or "").split())
    if parameters:
        rows = [f"| {_names(each)} | {_words(each)} |" for each in parameters]
        yield "| argument, option | meaning |\n|---|---|\n" + "\n".join(rows)


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _names(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{_metavar(parameter)}`".replace("|", "\\|")
    return ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))


def _words(parameter: Any) -> str:
    help_text = " ".join((parameter.help or "").split())
    default = getattr(parameter.default, "value", parameter.default)
    shown = default not in (None, "", False, (), []) and not parameter.required and not callable(default)
    value = str(default).lower() if isinstance(default, bool) else default
    return f"{help_text} Default: `{value}`." if shown else help_text


PAGES = {HERE / "reference" / "cli.md": cli}


def main() -> None:
    """Write every page."""
    for path, render in PAGES.items():
        path.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
