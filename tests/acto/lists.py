"""The two written lists, of fields without effect and of explained alarms, and what is stale in them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from tests.acto.alarms import Alarm
from tests.acto.cases import Case

FOLDER = Path(__file__).parent
ALL = "*"


@dataclass(frozen=True)
class NoEffect:
    """A field whose change shows in no child.

    Attributes:
        changes: Names of the changes that show in none; empty for all.
    """

    field: str
    why: str
    changes: tuple[str, ...] = ()

    def covers(self, case: Case) -> bool:
        """Whether it speaks of this case."""
        return case.path == self.field and (not self.changes or case.name in self.changes)


@dataclass(frozen=True)
class Explained:
    """An alarm that is right as it is.

    Attributes:
        field: Its path; "*" for each.
        change: Its name; "*" for each.
    """

    oracle: str
    field: str
    change: str
    why: str

    def covers(self, alarm: Alarm) -> bool:
        """Whether it speaks of this alarm."""
        fits = self.field in (ALL, alarm.path) and self.change in (ALL, alarm.change)
        return fits and self.oracle == alarm.oracle


@cache
def no_effect() -> tuple[NoEffect, ...]:
    """The list of fields without effect."""
    entries = yaml.safe_load((FOLDER / "no_effect.yaml").read_text())
    return tuple(NoEffect(**{**entry, "changes": tuple(entry.get("changes", ()))}) for entry in entries)


@cache
def explained() -> tuple[Explained, ...]:
    """The list of explained alarms."""
    return tuple(Explained(**entry) for entry in yaml.safe_load((FOLDER / "explained.yaml").read_text()))


def unexplained(alarms: Iterable[Alarm], entries: Iterable[Explained]) -> list[Alarm]:
    """The alarms that no entry covers."""
    known = tuple(entries)
    return [alarm for alarm in alarms if not any(entry.covers(alarm) for entry in known)]


def stale(
    entries: Iterable[Explained], alarms: Collection[Alarm], ran: Iterable[Case], *, complete: bool
) -> list[Explained]:
    """Entries whose cases ran without the alarm. Those of many cases are judged only where all cases ran."""
    tried = {pair for case in ran for pair in _names(case)}
    judged = [entry for entry in entries if complete or ALL not in (entry.field, entry.change)]
    silent = [entry for entry in judged if not any(entry.covers(alarm) for alarm in alarms)]
    return [entry for entry in silent if (entry.field, entry.change) in tried]


def unknown(names: Iterable[tuple[str, str]], every: Iterable[Case]) -> list[tuple[str, str]]:
    """Pairs of field and change that no case has."""
    known = {pair for case in every for pair in _names(case)}
    return [pair for pair in names if pair not in known]


def _names(case: Case) -> tuple[tuple[str, str], ...]:
    """The pairs of field and change by which a list may mean a case."""
    return tuple((path, name) for path in (case.path, ALL) for name in (case.name, ALL))
