"""The engine on the real clock: every step ends at its own absolute time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from paceline.sim.engine import Engine
from paceline.sim.sequence import Sequence

#: Real seconds behind the plan after which the plan moves instead of catching up (a stopped process, a full core).
MAX_BEHIND = 1.0
#: Tokens handed out before the event loop gets a turn: under 1 ms of work.
SLICE = 32


class Pacer:
    """Begins and ends an engine's steps when they are due.

    The next step begins when the last one ended by plan, not when the timer fired, so late timers do not add
    up. Time inside the engine is in simulated seconds; ``scale`` is real seconds per simulated second.
    ``on_step`` is told the tokens that each step computed and by how many real seconds its timer was late;
    ``on_token`` gets each of the sequences, in slices, so that hundreds of streams do not hold up everything else.

    Attributes:
        slipped: Real seconds by which the plan was moved because the process was late by more than a second.
        hung: True stops all steps for good (a scripted fault).
    """

    def __init__(
        self,
        engine: Engine,
        scale: float,
        on_step: Callable[[int, float], None],
        on_token: Callable[[Sequence], None],
    ) -> None:
        self._engine = engine
        self._scale = scale
        self._on_step = on_step
        self._on_token = on_token
        self._delivering = False
        self._loop = asyncio.get_running_loop()
        self._origin = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self.slipped = 0.0
        self.hung = False

    def now(self) -> float:
        """Return the simulated time in seconds."""
        return (self._loop.time() - self._origin) / self._scale

    def submit(self, sequence: Sequence, arrival: float) -> None:
        """Queue a sequence that arrived at ``arrival`` (real, the loop's clock).

        Raises:
            ValueError: It can never fit.
        """
        self._engine.submit(sequence, (arrival - self._origin) / self._scale)
        if self._engine.ends_at is None and not self._delivering:
            self._wake()

    def abort(self, sequence: Sequence) -> None:
        """Take a sequence out; its blocks are free at once."""
        self._engine.abort(sequence)

    def close(self) -> None:
        """Stop."""
        if self._timer is not None:
            self._timer.cancel()

    def _at(self, time: float, call: Callable[[float], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._origin + time * self._scale, call, time)

    def _wake(self) -> None:
        time = self._engine.wakes_at()
        if time is not None and not self.hung:
            self._at(time, self._begin)

    def _begin(self, time: float) -> None:
        if self._engine.ends_at is not None or self.hung:
            return
        ends = self._engine.begin(time)
        if ends is None:
            self._wake()
        else:
            self._at(ends, self._end)

    def _end(self, time: float) -> None:
        if self.hung:
            return
        late = (self.now() - time) * self._scale
        end = self._engine.end()
        self._on_step(end.computed, late)
        if late > MAX_BEHIND:
            self.slipped += late
            time = self.now()
        self._deliver(end.tokens, 0, time)

    def _deliver(self, tokens: list[Sequence], start: int, time: float) -> None:
        """Hand out a slice of a step's tokens; the next step is planned when all have said whether they go on."""
        for sequence in tokens[start : start + SLICE]:
            self._on_token(sequence)
        self._delivering = start + SLICE < len(tokens)
        if self._delivering:
            self._loop.call_soon(self._deliver, tokens, start + SLICE, time)
        else:
            self._begin(time)
