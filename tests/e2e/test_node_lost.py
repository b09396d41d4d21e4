"""F14: the node's kubelet stops, and comes back."""

from __future__ import annotations

from paceline.local import cluster as embedded
from tests.support.embedded import kill
from tests.support.product import Product, condition

MODEL = "lost"


def test_a_node_that_reports_no_more_is_said_and_its_models_heal_with_it(product: Product) -> None:
    local = product.cluster.local
    assert local is not None
    product.serve(MODEL)
    try:
        kill(local.name, "kubelet")
        found = product.eventually(
            lambda: (seen := condition(product.find("mdep", MODEL), "Available")).get("reason") == "NodeLost" and seen,
            120,
            "the model's condition names the node",
        )
        assert found["status"] == "False"
        assert "Bring the node back" in found["message"]
    finally:
        assert embedded.up(local.name).state == "Running"
    product.ready(MODEL, 120)
    product.delete("mdep", MODEL)
