"""Tokens of ServiceAccounts at the ledger."""

from __future__ import annotations

import pytest

from paceline.api.names import child_name
from paceline.kube.reviews import User
from paceline.ledger.service.reviewed import ReviewedTokens

GATEWAY = f"system:serviceaccount:ml:{child_name('ml', 'public', 'gateway')}"
KNOWN = {
    "operator": User("system:serviceaccount:paceline-system:paceline-operator"),
    "reader": User("system:serviceaccount:paceline-system:paceline-ledger-reader"),
    "pod": User(GATEWAY, "public-a"),
    "person": User(GATEWAY),
    "other": User(f"system:serviceaccount:ml:{child_name('ml', 'gone', 'gateway')}", "gone-a"),
    "engine": User("system:serviceaccount:ml:default", "chat-a"),
}


class Known:
    """Stands in for the API server's reviews."""

    async def review(self, token: str) -> User | None:
        return KNOWN.get(token)


OPERATOR, READER = "paceline-system/paceline-operator", "paceline-system/paceline-ledger-reader"
VERIFIER = ReviewedTokens(Known(), OPERATOR, lambda: ["ml/public"], READER)  # type: ignore[arg-type]


async def test_the_operator_configures_and_reads() -> None:
    found = await VERIFIER.verify("operator")
    assert found is not None
    assert found.scopes == {"configure", "read"}


async def test_a_reader_reads_and_no_more() -> None:
    found = await VERIFIER.verify("reader")
    assert found is not None
    assert found.scopes == {"read"}
    without = ReviewedTokens(Known(), OPERATOR, lambda: ["ml/public"])  # type: ignore[arg-type]
    assert await without.verify("reader") is None


async def test_a_pod_of_a_gateway_speaks_for_its_gateway_and_for_itself_alone() -> None:
    found = await VERIFIER.verify("pod")
    assert found is not None
    assert (found.scopes, found.gateway, found.shipper) == ({"gateway"}, "ml/public", "ml/public-a")


@pytest.mark.parametrize("token", ["stolen", "person", "other", "engine"])
async def test_nobody_else_is_known(token: str) -> None:
    assert await VERIFIER.verify(token) is None
