"""What a Consumer's status shows of its budgets.

Figures do not churn: they move every five minutes, and at 80, 90 and 100 % of a budget.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from paceline.api import money
from paceline.api.conditions import parse_stamp, stamp
from paceline.api.consumer_spec import Budget

#: Percents of a budget at which it is told at once.
_STEPS = (80, 90, 100)
_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Use:
    """How a budget stands, as the ledger says.

    Attributes:
        spent: Micro-units.
        ends: When the period ends, RFC 3339.
    """

    name: str
    spent: int
    ends: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What the status shows of the budgets.

    Attributes:
        budgets: Entries of status.budgets, in the order of the spec.
        observed: When they were taken, RFC 3339; "" where none is known.
    """

    budgets: tuple[Mapping[str, Any], ...] = ()
    observed: str = ""


NOTHING = Shown()


def shown(budgets: Iterable[Budget], uses: Iterable[Use] | None, previous: object, now: datetime) -> Shown:
    """What the status is to show.

    Args:
        budgets: Of the spec.
        uses: As the ledger says; None where it cannot be asked, and what was shown stays.
        previous: The status so far, garbage included.
        now: With a time zone.
    """
    before = _before(previous)
    wanted = {each.name: each for each in budgets}
    kept = tuple(entry for entry in before.budgets if entry["name"] in wanted)
    if uses is None:
        return Shown(kept, before.observed if kept else "")
    known = {each.name: each for each in uses}
    found = tuple(_entry(each, known[name]) for name, each in wanted.items() if name in known)
    since = parse_stamp(before.observed)
    stays = [_told(each, wanted) for each in kept] == [_told(each, wanted) for each in found]
    if found == kept or (stays and since is not None and now - since < _EVERY):
        return Shown(kept, before.observed if kept else "")
    return Shown(found, stamp(now) if found else "")


def news(budgets: Iterable[Budget], before: Iterable[Use], after: Iterable[Use]) -> bool:
    """Whether what is spent has come to another step of a budget, or a period has ended."""
    wanted = {each.name: each for each in budgets}

    def told(uses: Iterable[Use]) -> list[tuple[object, ...]]:
        return [_told(_entry(wanted[each.name], each), wanted) for each in uses if each.name in wanted]

    return told(before) != told(after)


def step(spent: int, amount: int) -> int:
    """The highest of 80, 90 and 100 % that is spent; 0 below."""
    return max((each for each in _STEPS if spent * 100 >= amount * each), default=0)


def fullest(budgets: Iterable[Budget], entries: Iterable[Mapping[str, Any]]) -> tuple[Budget, Mapping[str, Any]] | None:
    """Of several budgets the one that is most used up, and how it stands; None where nothing is known."""
    wanted = {each.name: each for each in budgets}
    pairs = [(wanted[each["name"]], each) for each in entries]
    return max(pairs, key=lambda pair: _share(pair[1]["spent"], pair[0].amount), default=None)


def _share(spent: str, amount: str | int) -> float:
    whole = money.parse(amount)
    return money.parse(spent) / whole if whole else float("inf")


def _entry(budget: Budget, use: Use) -> dict[str, Any]:
    left = max(0, money.parse(budget.amount) - use.spent)
    return {
        "name": use.name,
        "spent": money.text(use.spent),
        "remaining": money.text(left),
        "periodEnds": use.ends,
    }


def _told(entry: Mapping[str, Any], budgets: Mapping[str, Budget]) -> tuple[object, ...]:
    """What of an entry is told at once when it changes; the last is whether the amount is as it was."""
    spent, amount = money.parse(entry["spent"]), money.parse(budgets[entry["name"]].amount)
    left = money.parse(entry["remaining"])
    return entry["name"], entry["periodEnds"], step(spent, amount), left == max(0, amount - spent)


def _before(previous: object) -> Shown:
    """What was shown; garbage in a forged status is left out."""
    found = previous if isinstance(previous, Mapping) else {}
    entries, observed = found.get("budgets"), found.get("observedTime")
    kept = tuple(each for each in entries if _is_entry(each)) if isinstance(entries, list) else ()
    return Shown(kept, observed if isinstance(observed, str) else "")


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, Mapping) or not all(isinstance(entry.get(key), str) for key in ("name", "periodEnds")):
        return False
    try:
        return all(money.parse(str(entry.get(key))) >= 0 for key in ("spent", "remaining"))
    except ValueError:
        return False
