"""What every test may use; the cluster's fixtures are in tests/support/cluster.py."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest

from tests.support.cluster import cluster, namespace, paceline_image

__all__ = ["cluster", "namespace", "paceline_image"]

ROOT = Path(__file__).resolve().parent.parent

# Machines are shared: how long an example takes says nothing.
hypothesis.settings.register_profile("paceline", deadline=None)
hypothesis.settings.load_profile("paceline")

#: A folder's tier decides its marker, so that nobody has to write it.
MARKERS = {"integration": "integration", "e2e": "e2e"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        tier = Path(item.path).relative_to(ROOT / "tests").parts[0]
        if tier in MARKERS:
            item.add_marker(MARKERS[tier])
