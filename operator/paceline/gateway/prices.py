"""Prices of a Gateway, as far as they can be right."""

from __future__ import annotations

from paceline.api import gateway_reasons as reasons
from paceline.api import money
from paceline.api.gateway import Gateway
from paceline.api.gateway_spec import Price
from paceline.gateway.finding import Finding, of_gateway


def prices(gateway: Gateway) -> tuple[tuple[Price, ...], list[Finding]]:
    """The prices in the order of their names, and what is said of those that cannot be right."""
    found, findings = [], []
    for each in sorted(gateway.spec.prices, key=lambda one: one.name):
        if _dearest(each) > money.MOST_PER_MILLION:
            most = money.text(money.MOST_PER_MILLION)
            words = f"spec.prices[{each.name}] is more than {most} for a million tokens, so its model has no price."
            findings.append(of_gateway(gateway, reasons.INVALID_SPEC, each.name, words))
        else:
            found.append(each)
    return tuple(found), findings


def _dearest(price: Price) -> int:
    amounts = (price.input_per_million, price.cached_input_per_million, price.output_per_million)
    return max(money.parse(each) for each in amounts if each is not None)
