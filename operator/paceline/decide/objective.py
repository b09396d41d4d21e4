"""Do users meet the objective of a ModelDeployment? What is counted is stats/slo.py's matter."""

from __future__ import annotations

from paceline.api import money, reasons
from paceline.api.conditions import Status
from paceline.api.reason import Reason
from paceline.api.slo_spec import SloSpec
from paceline.decide.front import Front, Met

#: Seconds of requests that are judged.
WINDOW_SECONDS = 300

_WINDOW = f"the last {WINDOW_SECONDS // 60} minutes"


#: Status, reason and words of SLOMet. The words hold no figure that moves: status.slo has these.
Judgement = tuple[Status, Reason, str]


def judge(slo: SloSpec | None, front: Front) -> Judgement | None:
    """What is said of the objective; None: what was said before, because nothing newer is known."""
    if slo is None:
        return "Unknown", reasons.NO_OBJECTIVE, "spec.slo is not set."
    if not front.known:
        return None
    if not front.url:
        return "Unknown", reasons.NO_GATEWAY, "No Gateway serves the model, so no request is held against spec.slo."
    if front.lost:
        return "Unknown", reasons.LEDGER_UNREACHABLE, "The ledger has told nothing for minutes; gateways serve on."
    return _judged(slo, front.met) if front.met else None


def _judged(slo: SloSpec, met: Met) -> Judgement:
    if met.eligible < slo.min_requests:
        words = f"Fewer than minRequests ({slo.min_requests}) requests came in {_WINDOW}."
        return "Unknown", reasons.TOO_FEW_REQUESTS, words
    if enough(slo, met):
        return "True", reasons.OBJECTIVE_MET, f"{_asked(slo)}: in {_WINDOW} that many did."
    return "False", reasons.OBJECTIVE_MISSED, f"{_asked(slo)}: in {_WINDOW} fewer did; status.slo has the share."


def enough(slo: SloSpec, met: Met) -> bool:
    """Whether the share of good requests is the objective's; exact, also at the very edge."""
    return met.good * 100 * money.UNIT >= met.eligible * money.parse(slo.objective_percent)


def _asked(slo: SloSpec) -> str:
    targets = (("ttftMilliseconds", slo.ttft_milliseconds), ("tpotMilliseconds", slo.tpot_milliseconds))
    named = " and ".join(f"{name} {value}" for name, value in targets if value)
    return f"objectivePercent {slo.objective_percent} of the requests are to meet {named}"
