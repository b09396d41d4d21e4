"""From the proxy's log of requests to records: exactly one for each attempt.

What is to be known later is a small state, which can be kept with the place up to which the log was read; read on from
there, the log gives the same records with the same ids.

Requests that a killed proxy left behind have no last line. While a request goes on the proxy writes of it each second,
so it is over when the proxy was started anew after its last line, or wrote of others for two minutes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import TypeAdapter, ValidationError

from paceline.api.record import Record
from paceline.gateway.ir import MIRROR
from paceline.gateway.lines import Line
from paceline.gateway.underway import ASK, Gate, Underway

#: Beats after which nothing more is said of a request that is over: its attempts' ends may come behind its own.
_AFTER = 5
#: Beats without a word after which a request is taken for lost.
_SILENT = 120
#: Lines of several threads may be out of their order by less; beyond it the clock was set back.
_ORDER_SECONDS = 5


@dataclass(slots=True)
class State:
    """What has to be known of the lines before.

    Attributes:
        beat: Seconds in which the proxy wrote anything. A proxy that was stopped for an hour has missed none.
        second: The latest of them, since 1970 by the clock as it is set now.
        open: Requests that go on, by their ids.
        over: Requests that ended lately, and in which beat.
    """

    beat: int = 0
    second: int = 0
    open: dict[str, Underway] = field(default_factory=dict)
    over: dict[str, int] = field(default_factory=dict)


_STATES = TypeAdapter(State)


class Journal:
    """Reads lines.

    Args:
        gate: Whose log it is; may be exchanged.
        state: Where it goes on.
    """

    def __init__(self, gate: Gate, state: State | None = None) -> None:
        self.gate = gate
        self.state = state or State()

    def read(self, line: Line) -> list[Record]:
        """Take a line; the records of what has ended with it."""
        found = self._beat(line.emitted_us // 1_000_000)
        if line.cluster.endswith(MIRROR) and line.of_attempt:
            return found
        state = self.state
        key, _, number = line.id.partition(ASK)
        if key in state.over:
            return found
        request = state.open.setdefault(key, Underway(state.beat))
        request.beat = state.beat
        heard = request.asked.setdefault(number, Underway(state.beat)) if number else request
        heard.hear(line)
        return found + (self._written([key]) if request.settled else [])

    def interrupted(self, before_us: int) -> list[Record]:
        """The proxy is a new one: the records of requests of which it said nothing since then.

        Args:
            before_us: Microseconds since 1970.
        """
        return self._written([key for key, each in self.state.open.items() if each.heard_us < before_us])

    def _beat(self, second: int) -> list[Record]:
        state = self.state
        if state.second - _ORDER_SECONDS <= second <= state.second:
            return []
        state.second = second
        state.beat += 1
        state.over = {key: beat for key, beat in state.over.items() if state.beat - beat < _AFTER}
        return self._written([key for key, each in state.open.items() if state.beat - each.beat >= _patience(each)])

    def _written(self, keys: list[str]) -> list[Record]:
        requests = [self.state.open.pop(key) for key in keys]
        self.state.over |= dict.fromkeys(keys, self.state.beat)
        return [record for each in requests for record in each.written(self.gate)]


def _patience(request: Underway) -> int:
    """Beats without a word after which nothing more is to come of it."""
    over = request.end is not None and all(each.end for each in request.asked.values())
    return _AFTER if over else _SILENT


def dump(state: State) -> str:
    """As JSON."""
    return _STATES.dump_json(state, exclude_defaults=True).decode()


def load(text: str) -> State:
    """Read what `dump` wrote.

    Raises:
        ValueError: it is none.
    """
    try:
        return _STATES.validate_json(text)
    except ValidationError as wrong:
        raise ValueError(f"the state of a log cannot be read ({wrong.error_count()} errors)") from None
