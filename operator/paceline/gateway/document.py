"""The ledger's document: the parts of all Gateways in one, with a number by which the later of two is known."""

from __future__ import annotations

from collections.abc import Iterable

from paceline.api.ledger_config import LedgerConfig, LedgerConsumer, LedgerDeployment
from paceline.gateway.terms import Terms


def document(parts: Iterable[Terms], before: LedgerConfig | None = None, served: int = 0) -> LedgerConfig:
    """The document. Whoever writes it is one at a time.

    Args:
        parts: One of each Gateway, and of those that are gone until the last of their pods is: the records of others
            are not taken.
        before: The last one. Where nothing else is said, it stays as it is.
        served: The generation that the ledger has: after a restore of the cluster it is above the last one, and what
            comes with a lower one is refused.
    """
    ordered = sorted(parts, key=lambda each: each.gateway.name)
    consumers: dict[str, LedgerConsumer] = {}
    deployments: dict[str, LedgerDeployment] = {}
    for part in ordered:
        for consumer in part.consumers:
            known = consumers.get(consumer.name)
            consumers[consumer.name] = _both(known, consumer) if known else consumer
        for deployment in part.deployments:
            deployments.setdefault(deployment.name, deployment)
    last = before.generation if before else 0
    made = LedgerConfig(
        generation=max(last, served, 1),
        consumers=tuple(consumers[name] for name in sorted(consumers)),
        gateways=tuple(each.gateway for each in ordered),
        deployments=tuple(deployments[name] for name in sorted(deployments)),
    )
    if made == before:
        return before
    return made.model_copy(update={"generation": max(last, served) + 1})


def _both(one: LedgerConsumer, other: LedgerConsumer) -> LedgerConsumer:
    """A Consumer that names several Gateways; what it may spend is the same at each."""
    return one.model_copy(
        update={
            "gateways": (*one.gateways, *other.gateways),
            "clients": tuple(dict.fromkeys((*one.clients, *other.clients))),
        }
    )
