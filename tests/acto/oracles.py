"""The oracles: from what was seen of a case to alarms. Pure, so that each can be shown to ring."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from paceline.api.conditions import MAX_MESSAGE, TYPES, parse_stamp
from paceline.api.modeldeployment import KIND
from paceline.api.reasons import BY_NAME
from tests.acto.alarms import Alarm
from tests.acto.cases import Case
from tests.acto.children import Json, differences, meant
from tests.acto.crd import spec_schema
from tests.acto.expectation import Expectation
from tests.acto.lists import NoEffect
from tests.acto.meaning import misfits
from tests.acto.places import named
from tests.acto.verdict import defaulted

#: Words that say what to do, or what would be right.
REMEDY = re.compile(
    r"\b(must be|use|set|write|remove|raise|lower|choose|leave|build|give|correct|change|add|free|wait|read|delete|let|"
    r"rename|come with|comes with|anything but|models run on|those of a domain of your own)\b",
    re.IGNORECASE,
)
#: Reasons that pass by themselves.
PASSING = frozenset({"NotYetObserved", "Resolving", "RolloutInProgress", "EngineStarting", "ProbePending"})
#: Reasons that say that nothing is wrong.
CONTENT = frozenset({"RolledOut", "Accepted", "Bypassable", "Answering", "NotProbed", "ScaledToZero"})
#: With these words and status 500, server-side apply refuses a value of another type, and an unknown field.
_OF_ANOTHER_TYPE = "failed to create typed patch object"
#: Seconds until something wrong must be named.
NAMED_SECONDS = 10.0


@dataclass(frozen=True)
class Answer:
    """What the API server said to an apply.

    Attributes:
        status: HTTP's.
        body: The stored object, or the refusal.
    """

    status: int
    body: Mapping[str, Any]

    @property
    def refused(self) -> bool:
        """Nothing was stored."""
        return self.status >= 400

    @property
    def words(self) -> str:
        """What was said against it."""
        return str(self.body.get("message", ""))


@dataclass(frozen=True)
class Sight:
    """A model and its children when all was quiet.

    Attributes:
        model: As the API server has it.
        children: Their picture.
        seconds: From the apply until it was settled and stayed so.
        settled: False where the hard stop came first.
    """

    model: Mapping[str, Any]
    children: Json
    seconds: float = 0.0
    settled: bool = True

    @property
    def conditions(self) -> tuple[Mapping[str, Any], ...]:
        """Its conditions."""
        return tuple((self.model.get("status") or {}).get("conditions") or ())

    def condition(self, kind: str) -> Mapping[str, Any]:
        """A condition; empty where there is none."""
        return next((each for each in self.conditions if each["type"] == kind), {})


def settled(model: Mapping[str, Any]) -> bool:
    """All conditions are of this generation, and Ready gives no reason that passes by itself."""
    generation = model["metadata"]["generation"]
    status = model.get("status") or {}
    conditions = status.get("conditions") or ()
    return (
        status.get("observedGeneration") == generation
        and len(conditions) == len(TYPES[KIND])
        and all(each["observedGeneration"] == generation for each in conditions)
        and not any(each["type"] == "Ready" and each["reason"] in PASSING for each in conditions)
    )


def admission(case: Case, answer: Answer) -> Iterator[Alarm]:
    """Wrong ones are refused by path and with a remedy, right ones are taken."""
    failed = answer.status >= 500 and _OF_ANOTHER_TYPE not in answer.words
    if case.expect is Expectation.EITHER and not failed:
        return
    if failed:
        yield Alarm.of("admission", case, f"the API server failed ({answer.status}): {answer.words[:300]}")
    elif case.admitted and answer.refused:
        yield Alarm.of("admission", case, f"refused though nothing is wrong: {answer.words[:500]}")
    elif not case.admitted and not answer.refused:
        wrong = ", ".join(f"{each.place} ({each.kind})" for each in case.violations[:3])
        yield Alarm.of("admission", case, f"taken, though wrong are {wrong}")
    elif answer.refused:
        yield from _refusal(case, answer)


def _refusal(case: Case, answer: Answer) -> Iterator[Alarm]:
    if not any(named(each.place, answer.words) for each in case.violations):
        yield Alarm.of("admission", case, f"the answer does not name {case.violations[0].place}: {answer.words[:500]}")
    ours = [each.words for each in case.violations if each.kind == "rule"]
    if ours and not any(words in answer.words for words in ours):
        yield Alarm.of("admission", case, f"the answer does not say {ours[0]!r}: {answer.words[:500]}")
    for words in ours:
        if not REMEDY.search(words):
            yield Alarm.of("admission", case, f"no remedy in {words!r}")


def child(case: Case, answer: Answer) -> Iterator[Alarm]:
    """The API server takes the children of what is right, and finds what is wrong where the operator left it to it."""
    if case.expect is Expectation.REFUSED and not answer.refused:
        yield Alarm.of("child", case, "neither the operator nor the API server refuses it")
    elif case.expect in (Expectation.VALID, Expectation.TROUBLE) and answer.refused:
        yield Alarm.of("child", case, f"the API server refuses its Deployment: {answer.words[:500]}")


def named_trouble(case: Case, before: Sight, after: Sight) -> Iterator[Alarm]:
    """What is wrong and was taken is named by a condition in time; what served before still does."""
    if case.expect not in (Expectation.REFUSED, Expectation.TROUBLE):
        return
    found = [each for each in after.conditions if each["status"] == "False" and each["reason"] not in PASSING | CONTENT]
    reasons = {each["reason"] for each in found}
    if not reasons or (case.reason and case.reason not in reasons):
        seen = [(each["type"], each["status"], each["reason"]) for each in after.conditions]
        yield Alarm.of("named", case, f"no condition is False with {case.reason or 'a specific reason'}: {seen}")
    elif after.seconds > NAMED_SECONDS:
        yield Alarm.of("named", case, f"only after {after.seconds:.1f} s")
    if case.expect is Expectation.REFUSED and reasons:
        places = misfits(defaulted(case.spec, spec_schema())) or (case.place,)
        parts = {str(step) for place in places for step in place[2:] if isinstance(step, str)}
        if not any(part in each["message"] for part in parts for each in found):
            yield Alarm.of("named", case, f"no message names any of {sorted(parts)}: {found[0]['message'][:300]}")
        if changed := differences(before.children, after.children):
            yield Alarm.of("untouched", case, f"children changed: {changed[:3]}")
    if before.condition("Available").get("status") == "True" and after.condition("Available").get("status") != "True":
        yield Alarm.of("untouched", case, f"it no longer serves: {after.condition('Available')}")


def visible(case: Case, before: Sight, after: Sight, without: Iterable[NoEffect]) -> Iterator[Alarm]:
    """A change shows in a child or is of a field in the list; what means the same changes nothing."""
    if case.expect not in (Expectation.VALID, Expectation.TROUBLE):
        return
    schema = spec_schema()
    same = meant(before.model["spec"], schema) == meant(after.model["spec"], schema)
    changed = differences(before.children, after.children)
    listed = any(entry.covers(case) for entry in without)
    if same and changed:
        yield Alarm.of("visible", case, f"the spec means the same, but children changed: {changed[:3]}")
    elif listed and changed:
        yield Alarm.of("visible", case, f"it is in no_effect.yaml, but has an effect: {changed[:3]}")
    elif not same and not changed and not listed:
        yield Alarm.of("visible", case, f"no child shows it: {differences(before.model['spec'], after.model['spec'])}")


def returned(case: Case, before: Sight, back: Sight) -> Iterator[Alarm]:
    """The seed's spec brings the seed's children."""
    if changed := differences(before.children, back.children):
        yield Alarm.of("returned", case, f"back at the seed, children differ: {changed[:3]}")
    states = [{each["type"]: each["status"] for each in sight.conditions} for sight in (before, back)]
    if states[0] != states[1]:
        said = [(each["type"], each["reason"], each["message"]) for each in back.conditions]
        yield Alarm.of("returned", case, f"back at the seed, conditions differ: {states[0]} → {said}")


def conditions(case: Case, sight: Sight) -> Iterator[Alarm]:
    """Conditions are of known types, of this generation, and say what to do."""
    if not sight.settled:
        seen = [(each["type"], each["status"], each["reason"]) for each in sight.conditions]
        yield Alarm.of("settled", case, f"not settled after {sight.seconds:.0f} s: {seen}")
        return
    if [each["type"] for each in sight.conditions] != list(TYPES[KIND]):
        yield Alarm.of("conditions", case, f"of types {[each['type'] for each in sight.conditions]}")
    for each in sight.conditions:
        if wrong := malformed(each, sight.model["metadata"]["generation"]):
            yield Alarm.of("conditions", case, f"{wrong}: {dict(each)}")


def malformed(condition: Mapping[str, Any], generation: int) -> str:
    """What is wrong with a condition; "" for nothing."""
    reason = BY_NAME.get(condition["reason"])
    if reason is None:
        return f"unknown reason {condition['reason']}"
    if (condition["type"], condition["status"]) not in reason.shows:
        return f"{reason.name} may not stand in {condition['type']} {condition['status']}"
    message = condition["message"]
    checks = {
        f"of generation {condition['observedGeneration']}, not {generation}": (
            condition["observedGeneration"] != generation
        ),
        "no time": parse_stamp(condition["lastTransitionTime"]) is None,
        f"a message of {len(message)} characters": not 0 < len(message) <= MAX_MESSAGE,
        "no remedy": bool(reason.remedy) and not REMEDY.search(message),
    }
    return ", ".join(words for words, wrong in checks.items() if wrong)


def log_alarms(lines: Iterable[Mapping[str, str]]) -> list[str]:
    """Lines of the operator's log that should not be there: errors and traces."""
    return [
        f"{line.get('level')}: {line.get('message', '')[:300]}"
        for line in lines
        if line.get("level") in ("ERROR", "CRITICAL") or "Traceback" in str(line)
    ]
