"""A Hub of one's own, and fetches in this process: without the guard, which cannot be taken out again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paceline.api.source import Report, Source
from paceline.fetch.order import Order
from paceline.fetch.run import Fetch
from tests.support.fetching import PACE, UNIT
from tests.support.hub import Hub, hub


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub that HF_ENDPOINT names."""
    with hub() as made:
        monkeypatch.setenv("HF_ENDPOINT", made.api.url)
        yield made


@pytest.fixture
def lines() -> list[str]:
    """What a fetch says while it works."""
    return []


@pytest.fixture
def fetch(lines: list[str]) -> Callable[..., Report]:
    """Runs a fetch of one source: fetch(uri, into=…, chat_template=…, shared=…, and fields of Source)."""

    def run(uri: str, into: Path | None = None, chat_template: str | None = None, **fields: object) -> Report:
        shared = bool(fields.pop("shared", False))
        source = Source(name=str(fields.pop("name", "base")), uri=uri, **fields)  # type: ignore[arg-type]
        order = Order([source], into, chat_template, shared)
        return Fetch(order, tell=lines.append, unit=UNIT, pace=PACE).run()

    return run
