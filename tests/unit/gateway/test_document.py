"""The ledger's document, of the parts of all Gateways."""

from __future__ import annotations

import random
from collections.abc import Iterable

from paceline.api.gateway import Gateway
from paceline.api.ledger_config import LedgerConfig
from paceline.gateway.document import document
from paceline.gateway.terms import Terms
from tests.support.consumers import consumer
from tests.support.gateways import gateway, route
from tests.support.translating import made, seen, served

NAMES = ("a", "b", "c")


def parts(*, team: str = "support", gateways: Iterable[str] = NAMES) -> list[Terms]:
    """Of Gateways that are all named by one Consumer, and each by one of its own."""
    every: list[Gateway] = [gateway({"routes": [route()]}, name=name) for name in gateways]
    refs = [{"name": each.name} for each in every]
    shared = consumer({"gatewayRefs": refs, "team": team}, name="shared")
    own = [consumer({"gatewayRefs": [ref]}, name=f"of-{ref['name']}") for ref in refs]
    known = {"consumers": (shared, *own), "models": (served(),)}
    return [made(seen(each, gateways=tuple(every), **known)).terms for each in every]


def test_a_consumer_that_names_several_gateways_is_one_consumer() -> None:
    found = document(parts())
    assert [each.name for each in found.consumers] == [f"models/{name}" for name in ("of-a", "of-b", "of-c", "shared")]
    shared = found.consumers[-1]
    assert shared.gateways == ("models/a", "models/b", "models/c")
    assert len(shared.clients) == 1
    assert found.consumers[0].gateways == ("models/a",)
    assert [each.name for each in found.gateways] == ["models/a", "models/b", "models/c"]
    assert [each.name for each in found.deployments] == ["models/chat"]


def test_the_order_of_the_parts_is_nothing_to_the_document() -> None:
    mixed = parts()
    for seed in range(5):
        random.Random(seed).shuffle(mixed)
        assert document(mixed) == document(parts())


def test_what_says_the_same_keeps_its_generation_also_when_it_was_written_and_read() -> None:
    first = document(parts())
    assert first.generation == 1
    assert document(parts(), first) is first
    kept = LedgerConfig.model_validate_json(first.model_dump_json(by_alias=True))
    assert document(parts(), kept) is kept
    assert document(parts(), kept, served=1) is kept


def test_what_says_something_else_is_later_than_the_last_and_than_the_ledgers() -> None:
    first = document(parts())
    second = document(parts(team="sales"), first)
    assert (second.generation, second.consumers[-1].team) == (2, "sales")
    assert document(parts(gateways=("a",)), second).generation == 3
    assert document(parts(), first, served=7).generation == 8
    assert document(parts(), served=7).generation == 8


def test_without_gateways_there_is_a_document_too() -> None:
    assert document([]).gateways == ()
    assert document([]).generation == 1
