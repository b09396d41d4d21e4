"""Whose requests somebody is asked about before they go on, and how long the answer may take."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from paceline.api.route_spec import Waiting
from paceline.gateway.backends import Part
from paceline.gateway.ir import Admission, Branch, Reserve, Target

#: How long the ledger may take to say what it knows at once; and what is added to the time that a request may wait.
ANSWER_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Wait:
    """How a route's requests wait for engines.

    Attributes:
        now: All of them do, because nobody can take one.
        deployment: namespace/name of the ModelDeployment for whose engines they wait; "": they wait for none.
        seconds: How long at most.
    """

    now: bool = False
    deployment: str = ""
    seconds: int = 0


NO_WAIT = Wait()


def wait(waiting: Waiting, every: Iterable[Part]) -> Wait:
    """How requests wait: they may, and somebody will take them.

    Where others can answer too, requests wait only while none of them can, and then for the first.
    """
    found = list(every)
    awaited = [each.deployment for each in found if each.awaited and each.deployment]
    if not (awaited and waiting.max_seconds and waiting.max_requests):
        return NO_WAIT
    now = not any(each.ready for each in found)
    alone = len({each.deployment for each in found}) == 1
    return Wait(now, awaited[0], waiting.max_seconds) if now or alone else NO_WAIT


def branches(target: Target, service: str, waits: Wait, reserved: Collection[Reserve]) -> tuple[Branch, ...]:
    """The branches of a route.

    Only those who may never spend more than they have are refused where nobody can be asked: for all others an outage
    of the service is none of theirs.

    Args:
        target: Without admission.
        service: Who is asked.
        waits: How requests wait. Those of consumers that reserve something may wait at any time.
        reserved: What the Gateway's consumers reserve.
    """
    admission = Admission(service, ANSWER_SECONDS + waits.seconds)
    must = replace(target, admission=admission)
    may = replace(target, admission=replace(admission, optional=True))
    strict = (Branch(must, reserves="Money"),) if "Money" in reserved else ()
    if waits.now:
        return (*strict, Branch(may))
    return (*strict, *((Branch(may, reserves="Places"),) if "Places" in reserved else ()), Branch(target))
