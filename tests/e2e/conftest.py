"""One cluster with the installed product for the whole tier."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.product import Product, installed


@pytest.fixture(scope="session")
def product() -> Iterator[Product]:
    with installed("e2e") as running:
        yield running
