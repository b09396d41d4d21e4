"""A job of several steps, each told in words with its seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.status import Status
from rich.text import Text


@dataclass
class Progress:
    """The line of the step that runs.

    Attributes:
        done: What was done, for the finished line; set by the step.
    """

    done: str
    _status: Status | None = field(default=None, repr=False)

    def now(self, text: str) -> None:
        """Change the moving line; nothing is shown where the stream is no terminal."""
        if self._status:
            self._status.update(Text(text))


class Steps:
    """Prints a line for each step when it ends, and a moving one on a terminal while it runs.

    Attributes:
        console: Where the lines go.
        clock: Seconds.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console
        self.clock = clock
        self._began = clock()

    @contextmanager
    def step(self, doing: str, *, moving: bool = True) -> Iterator[Progress]:
        """Run one step.

        Args:
            doing: What it does, shown while it runs; also the finished line unless the step sets `done`.
            moving: False where the step shows a progress bar of its own.

        Raises:
            BaseException: what the step raised, after its line was printed.
        """
        began = self.clock()
        try:
            if moving and self.console.is_terminal:
                with self.console.status(Text(doing)) as status:
                    progress = Progress(done=doing, _status=status)
                    yield progress
            else:
                self.console.print(Text(f"… {doing}", style="dim"))
                progress = Progress(done=doing)
                yield progress
        except BaseException:
            self._line("✘", "bold red", doing, self.clock() - began)
            raise
        self._line("✔", "green", progress.done, self.clock() - began)

    def note(self, text: str) -> None:
        """Print a remark above the line of the step that runs."""
        self.console.print(Text(text, style="dim"))

    def _line(self, mark: str, style: str, text: str, seconds: float) -> None:
        self.console.print(Text.assemble((f"{mark} ", style), (f"{seconds:6.1f} s  ", "dim"), text))

    def total(self) -> float:
        """Seconds since the job began."""
        return self.clock() - self._began
