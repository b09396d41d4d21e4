"""Pretended GPUs: an extended resource and the labels that NVIDIA's feature discovery would set."""

from __future__ import annotations

from typing import Any

from paceline.local.client import Client

RESOURCE = "nvidia.com/gpu"
#: A labelled product for schedulers to choose by; memory in MiB as nvidia-smi reports it.
PRODUCT = "NVIDIA-H100-80GB-HBM3"
MEMORY_MIB = 81559


def labels(count: int) -> dict[str, str]:
    """Labels of a node with that many GPUs."""
    return {
        "nvidia.com/gpu.present": "true",
        "nvidia.com/gpu.product": PRODUCT,
        "nvidia.com/gpu.family": "hopper",
        "nvidia.com/gpu.count": str(count),
        "nvidia.com/gpu.memory": str(MEMORY_MIB),
    }


def pretend(client: Client, node: str, count: int) -> None:
    """Give a real node that many GPUs, or none; done after each kubelet start, which sets them to zero."""
    wanted: dict[str, Any] = dict.fromkeys(labels(1)) if count == 0 else dict(labels(count))
    client.call("PATCH", f"/api/v1/nodes/{node}", {"metadata": {"labels": wanted}}, patch="merge")
    amount = str(count) if count else None
    status = {"status": {"capacity": {RESOURCE: amount}, "allocatable": {RESOURCE: amount}}}
    client.call("PATCH", f"/api/v1/nodes/{node}/status", status, patch="merge")
