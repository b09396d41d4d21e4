"""How far a build is, for whoever waits for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def shown(lines: Iterable[str], title: str, total: int) -> Iterator[str]:
    """Yield a build's lines, one for each step, and move a progress bar with them."""
    from rich.console import Console  # noqa: PLC0415 - a warm start needs no progress bar
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(f"{title} (first time only)", total=total)
        for line in lines:
            progress.advance(task)
            yield line
        progress.update(task, completed=total)
