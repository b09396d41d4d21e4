"""The reasons of every kind, by its name."""

from __future__ import annotations

from paceline.api import consumer, consumer_reasons, gateway, gateway_reasons, modeldeployment, reasons
from paceline.api.reason import Reason

EVERY: dict[str, tuple[Reason, ...]] = {
    modeldeployment.KIND: reasons.ALL,
    gateway.KIND: gateway_reasons.ALL,
    consumer.KIND: consumer_reasons.ALL,
}
