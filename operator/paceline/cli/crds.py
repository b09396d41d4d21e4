"""`paceline crds`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from paceline.api import crdgen
from paceline.cli.console import fail, hint, out


def crds(
    output: Annotated[str, typer.Option("--output", help="Folder to write one file per kind to, instead.")] = "",
) -> None:
    """Print the CustomResourceDefinitions as YAML, ready for `kubectl apply --server-side -f -`."""
    files = sorted(crdgen.render().items())
    if not output:
        out.print("---\n".join(text for _, text in files).rstrip(), markup=False)
        return
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files:
            (folder / name).write_text(text, encoding="utf-8")
            hint(f"wrote {folder / name}")
    except OSError as error:
        fail(f"the folder {output} cannot be written to: {error.strerror}.", "name another one with --output")
