"""Who keeps what: the same on every replica, evenly, and with as little moved as can be."""

from __future__ import annotations

from collections import Counter

from paceline.decide.ring import order

REPLICAS = ["ledger-0", "ledger-1", "ledger-2", "ledger-3"]
KEYS = [f"ml/model-{number}" for number in range(4000)]


def owners(replicas):
    return {key: order(key, replicas)[0] for key in KEYS}


def test_the_order_does_not_depend_on_how_the_replicas_are_listed():
    assert all(order(key, REPLICAS) == order(key, reversed(REPLICAS)) for key in KEYS)


def test_every_replica_owns_about_as_much():
    assert all(900 < count < 1100 for count in Counter(owners(REPLICAS).values()).values())


def test_only_what_a_lost_replica_owned_moves_and_it_moves_to_the_next_in_order():
    left = [name for name in REPLICAS if name != "ledger-2"]
    before, after = owners(REPLICAS), owners(left)
    moved = {key for key in KEYS if before[key] != after[key]}
    assert moved == {key for key in KEYS if before[key] == "ledger-2"}
    assert all(after[key] == order(key, REPLICAS)[1] for key in moved)


def test_without_replicas_nobody_owns_anything():
    assert order("ml/model", []) == []
