"""Links that a condition tells, for kinds whose operator looks at everything itself."""

from __future__ import annotations

from collections.abc import Mapping

from paceline.api.reason import Reason
from paceline.cli.chain.view import Link, Object, State, condition, one_line, seconds_since

#: What goes away by itself, most of the time.
_PASSING = frozenset({"AwaitingAgent", "PodStarting"})
#: The operator sees a new object within a second; an API server under load may take several.
_PATIENCE_SECONDS = 20


def by_condition(name: str, obj: Object, kind: str, reasons: Mapping[str, Reason]) -> Link:
    """A link that holds where a condition is True.

    Args:
        name: Of the link.
        obj: Whose condition it is.
        kind: Type of the condition.
        reasons: Those that the kind knows. Their remedies end messages, and are told apart here.
    """
    seen = condition(obj, kind)
    reason = str(seen.get("reason"))
    remedy = reasons[reason].remedy if reason in reasons else ""
    words = one_line(str(seen.get("message", "")).removesuffix(remedy))
    if seen.get("status") == "True":
        return Link(name, State.OK, words)
    if seen.get("status") == "False" or reason in _PASSING:
        state = State.WAITING if reason in _PASSING else State.FAILED
        return Link(name, state, f"{reason}: {words}", remedy or f"{reason}: see docs/reference/conditions.md")
    return Link(name, State.NOT_REACHED, f"not known: {words}" if words else "not known yet")


def seen_by_operator(obj: Object, now: float, asked: str, operators: int | None) -> Link:
    """Has the operator seen the manifest as it is now?

    Args:
        obj: The object.
        now: Seconds since the epoch.
        asked: What the manifest asks for, in words.
        operators: Ready pods of the operator; None where they could not be looked at.
    """
    metadata = obj["metadata"]
    generation = int(metadata.get("generation", 1))
    observed = int((obj.get("status") or {}).get("observedGeneration") or 0)
    if observed >= generation:
        return Link("spec", State.OK, f"generation {generation} asks for {asked}; the operator has seen it")
    old = seconds_since(metadata.get("creationTimestamp"), now) > _PATIENCE_SECONDS
    late = operators == 0 or (not observed and old)
    running = "" if operators is None else f" ({operators} ready operator pods found)"
    return Link(
        "spec",
        State.FAILED if late else State.WAITING,
        f"generation {generation} asks for {asked}; the operator has not seen it{running}",
        f"see that the operator runs (`paceline logs operator`) and may work in this namespace "
        f"(`paceline enable {metadata['namespace']}`)",
    )
