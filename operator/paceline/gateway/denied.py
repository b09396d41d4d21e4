"""Who gets nothing from a gateway now: who is suspended, who has spent its budget, and for whom nobody can vouch.

The first is known to the operator, the second to the ledger, and the third is known by its silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from paceline.gateway.ir import Denied


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the ledger says against a consumer.

    Attributes:
        consumer: namespace/name.
        budget: Name of the one that is used up.
        until_us: When its period ends, microseconds since 1970; None where that is not known.
    """

    consumer: str
    budget: str = ""
    until_us: int | None = None


def denied(
    suspended: Iterable[str],
    graces: Mapping[str, int],
    verdicts: Iterable[Verdict],
    now_us: int,
    silent_seconds: float | None = None,
) -> tuple[Denied, ...]:
    """The deny list, in order.

    A verdict is about a consumer and not about its client id, which is another one after a change of its policy.

    Args:
        suspended: Client ids.
        graces: Seconds for which those with a Soft budget are served without the ledger, by their client ids.
        verdicts: The last that were heard; those against others than these hold for nobody.
        now_us: Microseconds since 1970. A verdict ends with its period.
        silent_seconds: For how long the ledger has said nothing; None: it answers.
    """
    found = {client: Denied(client, "Suspended") for client in suspended}
    against = {each.consumer: each for each in verdicts if each.until_us is None or each.until_us > now_us}
    if against or silent_seconds is not None:
        for client, grace in graces.items():
            verdict = against.get(_consumer(client))
            if verdict is not None:
                found.setdefault(client, Denied(client, "Budget", verdict.budget, verdict.until_us))
            elif silent_seconds is not None and silent_seconds >= grace:
                found.setdefault(client, Denied(client, "Unasked"))
    return tuple(found[client] for client in sorted(found))


def _consumer(client: str) -> str:
    """namespace/name of a client id."""
    return "/".join(client.split(".")[2:])
