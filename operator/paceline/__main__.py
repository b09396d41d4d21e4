"""Entry point of `paceline` and of `python -m paceline`."""

from __future__ import annotations

import sys

from paceline.cli.version import version


def main() -> None:
    """Run the command line and leave with its exit code.

    `version` answers before typer, pydantic and rich are imported: they take 0.4 s of the 0.3 s that it may take.
    """
    if sys.argv[1:] in (["version"], ["--version"]):
        version()
        return
    from paceline.cli.main import run  # noqa: PLC0415 - see above

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
