"""Which revision is in force, and which ones are forgotten.

A revision is applied as it was rendered when its spec was first seen. A later release of the operator, or a changed
profile, renders the same spec otherwise: by default that changes no pod and is only said.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from paceline.api.revision import Revision, unlabelled
from paceline.decide.difference import difference


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to be applied.

    Attributes:
        revision: In force; its number is higher than those of all others.
        drift: What would change in its pods if it were rendered now; "" nothing.
        obsolete: Names of revisions to forget.
    """

    revision: Revision
    drift: str
    obsolete: tuple[str, ...]


def choose(
    rendered: Revision, stored: Sequence[Revision], *, follow: bool, limit: int, in_use: Collection[str]
) -> Choice:
    """Choose between what was rendered now and what is stored.

    Args:
        rendered: From the spec as it is, by this release and its configuration.
        stored: All known ones, in any order.
        follow: A change of release or configuration becomes a new revision (onOperatorUpgrade: Auto).
        limit: Revisions to keep besides the one in force and those in use.
        in_use: Labels of the pods that there are.
    """
    newest = max((one.number for one in stored), default=0)
    fitting = [one for one in stored if one.intent == rendered.intent and (not follow or one.label == rendered.label)]
    chosen = max(fitting, key=lambda one: one.number, default=rendered)
    if chosen.number < newest or chosen.number == 0:
        chosen = replace(chosen, number=newest + 1)  # also where a spec comes back: history is in order of use
    drift = "" if chosen.label == rendered.label else _difference(chosen, rendered)
    others = sorted((one for one in stored if one.name != chosen.name), key=lambda one: -one.number)
    idle = [one.name for one in others if one.label not in in_use]
    return Choice(chosen, drift, tuple(idle[limit:]))


def _difference(before: Revision, after: Revision) -> str:
    return difference(*(unlabelled(revision.data["template"]) for revision in (before, after)))


@dataclass(frozen=True, slots=True)
class Place:
    """A revision and how many of its pods are ready."""

    name: str
    replicas: int


def places(
    choice: Choice, stored: Sequence[Revision], ready: Sequence[str], *, settled: bool, stable: str
) -> tuple[Place | None, Place | None]:
    """The stable revision, and the candidate that is to take its place.

    Args:
        choice: What is in force.
        stored: All known revisions.
        ready: The label of each ready pod.
        settled: The rollout of the revision in force is over.
        stable: Name of the revision that was stable last; "" for none.
    """
    current = Place(choice.revision.name, ready.count(choice.revision.label))
    if settled or stable == current.name:
        return current, None  # also on the way back to it, when the other one is the intruder
    others = [one for one in stored if one.name != current.name and one.label != choice.revision.label]
    before = next((one for one in others if one.name == stable), None) or max(
        (one for one in others if one.label in ready), key=lambda one: one.number, default=None
    )
    return (Place(before.name, ready.count(before.label)) if before else None), current
