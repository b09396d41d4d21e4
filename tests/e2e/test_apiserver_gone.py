"""F4: the API server is away, and comes back. PACELINE_TEST_SIZE=full leaves it away for 2 minutes instead of 10 s."""

from __future__ import annotations

import os
import time

import pytest

from paceline.local import cluster as embedded
from tests.support.embedded import kill
from tests.support.load import users
from tests.support.product import NAMESPACE, SYSTEM, Product

AWAY_SECONDS = 120.0 if os.environ.get("PACELINE_TEST_SIZE") == "full" else 10.0
#: What the table of faults allows from the return of the API server.
BACK_SECONDS = 10.0
MODEL = "unattended"

pytestmark = pytest.mark.timeout(400)


def operators(product: Product) -> list[tuple[str, int]]:
    """Pods of the operator and how often they were restarted."""
    pods = product.items("pod", "-l", "app.kubernetes.io/component=operator", namespace=SYSTEM)
    return [(pod["metadata"]["uid"], pod["status"]["containerStatuses"][0]["restartCount"]) for pod in pods]


def wanted(product: Product) -> list[int]:
    """Replicas of the model's Deployment."""
    found = product.items("deployment", "-l", f"paceline.dev/modeldeployment={MODEL}")
    return [one["spec"]["replicas"] for one in found]


def test_models_answer_while_the_api_server_is_away_and_the_operator_outlives_it(product: Product) -> None:
    local = product.cluster.local
    assert local is not None
    url = product.serve(MODEL)
    before = operators(product)
    with users(url, MODEL, 10.0) as load:
        kill(local.name, "apiserver")
        until = time.monotonic() + AWAY_SECONDS
        product.eventually(lambda: time.monotonic() > until, AWAY_SECONDS + 5, "it is away")
        assert embedded.up(local.name).state == "Running"
        product.cluster.kubectl("scale", f"mdep/{MODEL}", "-n", NAMESPACE, "--replicas=2")
        # The pod may come later: see below.
        product.eventually(lambda: wanted(product) == [2], BACK_SECONDS, "the operator is back at work")
    # Kubernetes' own parts ask again half a minute later; tests that come after this one do not wait for them.
    kill(local.name, "controller-manager", "scheduler", "proxy", "kubelet")
    assert embedded.up(local.name).state == "Running"
    assert load.failures == []
    assert load.answered == load.sent > 10 * AWAY_SECONDS
    assert operators(product) == before, "the same process all the time"
    product.delete("mdep", MODEL)
