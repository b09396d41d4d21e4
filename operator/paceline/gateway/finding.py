"""What a translation has to say about an object, for its conditions."""

from __future__ import annotations

from dataclasses import dataclass

from paceline.api import consumer, gateway
from paceline.api.kind import Object
from paceline.api.reason import Reason


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that is to be told, in words for the owner of the object.

    Attributes:
        kind: Gateway or Consumer.
        reason: Name of one of the kind's reasons, which has the remedy.
        subject: The part that it is about: a route's model, a host name, a price, a credential.
    """

    kind: str
    namespace: str
    name: str
    reason: str
    subject: str
    message: str


def of_gateway(found: Object, reason: Reason, subject: str, message: str) -> Finding:
    """A finding about a Gateway."""
    return Finding(gateway.KIND, found.namespace, found.name, reason.name, subject, message)


def of_consumer(found: Object, reason: Reason, subject: str, message: str) -> Finding:
    """A finding about a Consumer."""
    return Finding(consumer.KIND, found.namespace, found.name, reason.name, subject, message)
