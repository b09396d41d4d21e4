"""What every test may use; the cluster's fixtures are in tests/support/cluster.py."""

from __future__ import annotations

import json
import os
from collections import defaultdict
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

_FIGURES = pytest.StashKey[dict[str, object]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        tier = Path(item.path).relative_to(ROOT / "tests").parts[0]
        if tier in MARKERS:
            item.add_marker(MARKERS[tier])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Keep what tests recorded (`record_property`), for `make accept` to show as figures."""
    figures: dict[str, list[str]] = defaultdict(list)
    passed = [report for report in terminalreporter.getreports("passed") if report.when == "call"]
    for report in passed:
        for name, value in report.user_properties:
            figures[name].append(str(value))
    said = {name: ", ".join(values) for name, values in figures.items()}
    terminalreporter.config.stash[_FIGURES] = {"tests passed": len(passed), **said}


def pytest_unconfigure(config: pytest.Config) -> None:
    if os.environ.get("PACELINE_TEST_SIZE") == "full" and _FIGURES in config.stash:
        print(json.dumps(config.stash[_FIGURES]))
