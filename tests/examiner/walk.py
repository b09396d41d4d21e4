"""Random changes of a model's spec: each walk is a chain of transitions that its seed repeats."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tests.examiner.record import Json

MOVES = ("scale", "image", "args", "limits", "revert", "stuck")
#: At most so many transitions on top of each other before the model is let come to rest.
_IN_A_ROW = 4


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    Attributes:
        stuck: On machines that do not exist: its pods wait for ever, and the old ones must go on serving.
    """

    replicas: int = 3
    image: int = 1
    args: int = 0
    surge: int = 1
    unavailable: int = 0
    stuck: bool = False

    @property
    def spec(self) -> dict[str, Any]:
        """As `room.manifest` takes it."""
        chosen: Json = {"hardware": {"profile": "nowhere"}} if self.stuck else {}
        return {
            "replicas": self.replicas,
            "image": str(self.image),
            "args": (f"--variant={self.args}",),
            "rollout": {"maxSurge": self.surge, "maxUnavailable": self.unavailable},
            **chosen,
        }


@dataclass(frozen=True)
class Transition:
    """One change.

    Attributes:
        pause: Seconds until the next one; None: until the model has come to rest.
    """

    move: str
    wish: Wish
    pause: float | None


@dataclass
class Walk:
    """The transitions of one model."""

    seed: int
    _chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    def transitions(self, count: int) -> Iterator[Transition]:
        """So many transitions; each differs from the one before, and the last one is waited for."""
        history, row = [Wish()], 0
        for number in range(count):
            move = self._chance.choice(MOVES)
            wish = self._moved(move, history)
            row += 1
            rest = number == count - 1 or (row >= _IN_A_ROW) or self._chance.random() < 0.4
            if number == count - 1:
                wish = replace(wish, stuck=False)
                wish = wish if wish != history[-1] else replace(wish, args=wish.args + 1)
            history.append(wish)
            if rest and not wish.stuck:
                row = 0
                yield Transition(move, wish, None)
            else:
                yield Transition(move, wish, self._chance.choice((0.0, 0.0, self._chance.uniform(0.0, 2.0))))

    def _moved(self, move: str, history: list[Wish]) -> Wish:
        """Another wish; a stuck one is always taken back by the next."""
        last = replace(history[-1], stuck=False)
        wish = {
            "scale": replace(last, replicas=self._chance.choice([n for n in range(1, 6) if n != last.replicas])),
            "image": replace(last, image=last.image % 3 + 1),
            "args": replace(last, args=self._chance.randint(0, 10**6)),
            "limits": self._limits(last),
            "revert": replace(history[-2] if len(history) > 1 else last, stuck=False),
            "stuck": replace(last, stuck=True, args=last.args + 1),
        }[move]
        return wish if wish != history[-1] else replace(wish, args=wish.args + 1)

    def _limits(self, wish: Wish) -> Wish:
        surge, unavailable = self._chance.choice([(1, 0), (2, 0), (0, 1), (1, 1), (0, 2), (3, 1)])
        return replace(wish, surge=surge, unavailable=unavailable)
