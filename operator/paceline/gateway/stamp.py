"""The number of a gateway's program, by which an agent knows the later of two. The leader alone gives it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stamp:
    """A number, and of what it is the number.

    Attributes:
        generation: From 1.
        digest: Of the program.
    """

    generation: int
    digest: str

    @property
    def data(self) -> dict[str, str]:
        """As a ConfigMap keeps it."""
        return {"generation": str(self.generation), "digest": self.digest}


def stamp_of(data: object) -> Stamp | None:
    """What a ConfigMap keeps; None for what nobody stamped."""
    if not isinstance(data, dict):
        return None
    generation, digest = str(data.get("generation", "")), str(data.get("digest", ""))
    if not (generation.isdecimal() and generation.isascii() and digest):
        return None
    return Stamp(int(generation), digest)


def stamped(before: Stamp | None, digest: str, served: int = 0) -> Stamp:
    """The stamp of a program.

    Args:
        before: The last one.
        digest: Of the program as it is now.
        served: The highest generation that an agent has: after a restore of the cluster it is above the last stamp, and
            agents would refuse what comes with a lower one.
    """
    last = before.generation if before else 0
    if before and before.digest == digest and served <= last:
        return before
    return Stamp(max(last, served) + 1, digest)
