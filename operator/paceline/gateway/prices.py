"""Prices of a Gateway, in the whole numbers that the ledger counts with."""

from __future__ import annotations

from paceline.api import gateway_reasons as reasons
from paceline.api import ledger_view, money
from paceline.api.conditions import parse_stamp
from paceline.api.gateway import Gateway
from paceline.api.gateway_spec import Price
from paceline.gateway.finding import Finding, of_gateway


def prices(gateway: Gateway) -> tuple[tuple[ledger_view.Price, ...], list[Finding]]:
    """The prices in the order of their names, and what is said of those that cannot be right."""
    found, findings = [], []
    for each in sorted(gateway.spec.prices, key=lambda one: one.name):
        price = _price(each)
        if max(price.input_micros, price.cached_input_micros, price.output_micros) > ledger_view.MOST_PER_MILLION:
            most = money.text(ledger_view.MOST_PER_MILLION)
            words = f"spec.prices[{each.name}] is more than {most} for a million tokens, so its model has no price."
            findings.append(of_gateway(gateway, reasons.INVALID_SPEC, each.name, words))
        else:
            found.append(price)
    return tuple(found), findings


def _price(price: Price) -> ledger_view.Price:
    begin, cached = parse_stamp(price.effective_time), price.cached_input_per_million
    return ledger_view.Price(
        name=price.name,
        model=price.model,
        backend=price.backend or "",
        effective_us=min(max(0, round(begin.timestamp() * 1_000_000)), ledger_view.LATEST_US) if begin else 0,
        input_micros=money.parse(price.input_per_million),
        cached_input_micros=money.parse(price.input_per_million if cached is None else cached),
        output_micros=money.parse(price.output_per_million),
    )
