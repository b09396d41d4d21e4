"""The ledger's document, ready to be looked things up in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from paceline.api import consumer_spec, gateway_spec, money
from paceline.api.conditions import parse_stamp
from paceline.api.ledger_config import LedgerConfig, LedgerConsumer, LedgerDeployment, LedgerGateway, LedgerRoute
from paceline.decide.budget import Budget
from paceline.decide.pricing import Price, PriceBook
from paceline.ledger.zones import zone

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Book:
    """What is known of consumers, gateways and models.

    Attributes:
        consumers: By name, as all others.
        budgets: By consumer; those without any are not there.
        prices: By gateway.
        routes: By gateway and model.
    """

    generation: int
    consumers: Mapping[str, LedgerConsumer]
    budgets: Mapping[str, tuple[Budget, ...]]
    gateways: Mapping[str, LedgerGateway]
    prices: Mapping[str, PriceBook]
    routes: Mapping[tuple[str, str], LedgerRoute]
    deployments: Mapping[str, LedgerDeployment]

    @classmethod
    def of(cls, config: LedgerConfig) -> Book:
        """Make it of a document.

        Raises:
            ValueError: a time zone, amount or price is none; the message names whose.
        """
        return cls(
            config.generation,
            {each.name: each for each in config.consumers},
            {each.name: _budgets(each) for each in config.consumers if each.budgets},
            {each.name: each for each in config.gateways},
            {each.name: _prices(each) for each in config.gateways},
            {(gateway.name, route.model): route for gateway in config.gateways for route in gateway.routes},
            {each.name: each for each in config.deployments},
        )


def _budgets(consumer: LedgerConsumer) -> tuple[Budget, ...]:
    try:
        return tuple(_budget(each) for each in consumer.budgets)
    except ValueError as wrong:
        raise ValueError(f"consumer {consumer.name}: {wrong}") from None


def _budget(spec: consumer_spec.Budget) -> Budget:
    return Budget(spec.name, money.parse(spec.amount), spec.period, zone(spec.time_zone), spec.mode)


def _prices(gateway: LedgerGateway) -> PriceBook:
    try:
        # Of those with the same time the one whose name sorts last holds.
        return PriceBook(_price(each) for each in sorted(gateway.prices, key=lambda each: each.name))
    except ValueError as wrong:
        raise ValueError(f"gateway {gateway.name}: {wrong}") from None


def _price(spec: gateway_spec.Price) -> Price:
    since = parse_stamp(spec.effective_time) if spec.effective_time else None
    return Price.of(
        spec.name,
        spec.model,
        input_per_million=spec.input_per_million,
        cached_input_per_million=spec.cached_input_per_million,
        output_per_million=spec.output_per_million,
        backend=spec.backend or "",
        effective_us=(since - _EPOCH) // timedelta(microseconds=1) if since else 0,
    )
