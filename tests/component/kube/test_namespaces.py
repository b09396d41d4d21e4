"""Labels of namespaces: read at most every five seconds, and never where they may not be."""

from __future__ import annotations

from typing import Any

import pytest

from paceline.errors import Transient, Waiting
from paceline.kube.namespaces import Namespaces


class Server:
    """What of the client is used."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None
        self.labels: dict[str, dict[str, str] | None] = {"sales": {"tier": "product"}, "bare": None}

    async def items(self, *_: Any, **__: Any) -> tuple[str, list[Any]]:
        self.asked += 1
        if self.error:
            raise self.error
        return "1", [{"metadata": {"name": name, "labels": labels}} for name, labels in self.labels.items()]


def made(*, readable: bool = True) -> tuple[Server, Namespaces, list[float]]:
    server, at = Server(), [0.0]
    return server, Namespaces(server, readable, lambda: at[0]), at  # type: ignore[arg-type]


async def test_labels_are_read_anew_after_five_seconds() -> None:
    server, found, at = made()
    assert await found.read() == {"sales": {"tier": "product"}, "bare": {}}
    server.labels = {}
    assert len(await found.read()) == 2
    at[0] = 5.0
    assert await found.read() == {}
    assert (server.asked, found.known) == (2, True)


async def test_who_may_not_read_them_goes_on_with_what_was_known() -> None:
    server, found, at = made()
    await found.read()
    server.error, at[0] = Waiting("Forbidden", "no"), 5.0
    assert len(await found.read()) == 2
    assert not found.known
    server.error, at[0] = None, 10.0
    await found.read()
    assert found.known


async def test_a_failure_is_nobody_being_taken_in_or_out() -> None:
    server, found, _ = made()
    server.error = Transient("NetworkError", "gone")
    with pytest.raises(Transient):
        await found.read()
    server.error = None
    assert len(await found.read()) == 2


async def test_an_operator_of_some_namespaces_asks_for_none() -> None:
    server, found, _ = made(readable=False)
    assert (await found.read(), found.known, server.asked) == ({}, False, 0)
