"""What of a Gateway's models its Consumers may use, and what is wrong with that."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence

from paceline.api import consumer_reasons as reasons
from paceline.api.gateway import Gateway
from paceline.gateway.consumers import Caller
from paceline.gateway.finding import Finding, of_consumer

#: Messages are for reading.
_SHOWN = 3


def remarks(
    gateway: Gateway, callers: Iterable[Caller], models: Collection[str], unpriced: Collection[str]
) -> list[Finding]:
    """Entries that fit no model of this Gateway, and models that a Hard budget cannot reckon.

    Where a Consumer names several Gateways, an entry is wrong only if it fits no model of any of them.

    Args:
        gateway: Whose they are.
        callers: Consumers that may call it.
        models: All that are served.
        unpriced: Those of them with a backend without a price.
    """
    known, ordered = frozenset(models), sorted(models)
    where = f"{gateway.namespace}/{gateway.name}"
    findings = []
    for each in callers:
        spec = each.consumer.spec
        for pattern in spec.models:
            if not _fits(pattern, known, ordered):
                words = f"spec.models: {pattern} fits no model of Gateway {where}."
                findings.append(of_consumer(each.consumer, reasons.NO_SUCH_MODEL, pattern, words))
        lacking = sorted(each.policy.allowed(unpriced)) if any(one.mode == "Hard" for one in spec.budgets) else []
        if lacking:
            more = f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
            words = f"Gateway {where} has no price for {', '.join(lacking[:_SHOWN])}{more}."
            findings.append(of_consumer(each.consumer, reasons.UNPRICED, where, words))
    return findings


def everywhere(found: Sequence[Sequence[Finding]]) -> list[Finding]:
    """What is to be told of a Consumer that names several Gateways.

    Args:
        found: For each of its Gateways, what its translation says of the Consumer.

    Returns:
        All of it in order, without entries that fit a model of another Gateway.
    """
    lacking = [{each.subject for each in some if each.reason == reasons.NO_SUCH_MODEL.name} for some in found]
    nowhere = set.intersection(*lacking) if lacking else set()
    told = {each for some in found for each in some}
    return sorted(each for each in told if each.reason != reasons.NO_SUCH_MODEL.name or each.subject in nowhere)


def _fits(pattern: str, known: frozenset[str], ordered: list[str]) -> bool:
    """Whether there is a model of that name, or one that begins so; one look-up, because there can be very many."""
    if not pattern.endswith("*"):
        return pattern in known
    begin = pattern[:-1]
    at = bisect_left(ordered, begin)
    return at < len(ordered) and ordered[at].startswith(begin)
