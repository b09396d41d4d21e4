from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.enginesim import Running, in_loop


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    """A loaded engine, ten times as fast as an H100."""
    async with in_loop(tmp_path / "truth.jsonl") as running:
        yield running
