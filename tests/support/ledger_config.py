"""Builders of what a ledger is told of consumers, gateways and models."""

from __future__ import annotations

from typing import Any

from paceline.api.ledger_config import LedgerConfig
from paceline.api.question import Question

GATEWAY = "platform/public"
CONSUMER = "shop/acme"
CLIENT = "external.0123abcd.shop.acme"
DEPLOYMENT = "ml/support-llm"


def a_budget(amount: str = "1", mode: str = "Hard", **changes: Any) -> dict[str, Any]:
    return {"name": "month", "amount": amount, "period": "Month", "timeZone": "Europe/Berlin", "mode": mode} | changes


def a_consumer(name: str = CONSUMER, **changes: Any) -> dict[str, Any]:
    namespace, _, own = name.partition("/")
    clients = [f"external.0123abcd.{namespace}.{own}"]
    return {"name": name, "team": "support", "gateways": [GATEWAY], "clients": clients} | changes


def a_route(**changes: Any) -> dict[str, Any]:
    return {"model": "support-bot", "backends": [{"name": "main", "model": "support-llm"}]} | changes


def a_price(**changes: Any) -> dict[str, Any]:
    """As tests.support.ledger has it: 1, 0.5 and 2 micro-units per token."""
    amounts = {"inputPerMillion": "1", "cachedInputPerMillion": "0.5", "outputPerMillion": "2"}
    return {"name": "list", "model": "support-llm"} | amounts | changes


def a_gateway(*routes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"name": GATEWAY, "prices": [a_price()], "routes": list(routes) or [a_route()]} | changes


def a_deployment(**changes: Any) -> dict[str, Any]:
    return {"name": DEPLOYMENT, "capacityPerEngine": 2, "engines": 1} | changes


def a_config(generation: int = 1, **changes: Any) -> dict[str, Any]:
    """One consumer without budgets, one gateway with one route."""
    return {"generation": generation, "consumers": [a_consumer()], "gateways": [a_gateway()]} | changes


def parsed(**changes: Any) -> LedgerConfig:
    return LedgerConfig.model_validate(a_config(**changes))


def a_question(**changes: Any) -> Question:
    """It can cost 1,000 + 2,048 for its prompt and 2 x 100 for its answer."""
    values = {"client": CLIENT, "model": "support-bot", "operation": "chat", "bound": 100, "prompt_bytes": 1000}
    return Question(**(values | changes))
