"""Nodes that kwok pretends to be: any number, each with GPUs, none with a real process."""

from __future__ import annotations

from typing import Any

from paceline.local import gpus
from paceline.local.client import Client
from paceline.local.controlplane import Site
from paceline.local.processes import Component
from paceline.local.shell import run

#: A machine as clouds sell it with eight H100.
_MACHINE = {"cpu": "192", "memory": "2Ti", "ephemeral-storage": "10Ti", "pods": "250"}
_LABEL = {"type": "kwok"}
_PATH = "/api/v1/nodes"


def controller(site: Site) -> Component:
    """Kwok itself: it keeps the fake nodes alive and moves their pods to Running at once."""
    stages = site.folders.config / "kwok-stages.yaml"
    argv = (
        str(site.binaries["kwok"]),
        f"--kubeconfig={site.kubeconfig('kwok')}",
        f"--config={stages}",
        "--manage-nodes-with-label-selector=type=kwok",
        f"--cidr={site.addresses.fake_pods}",
        f"--node-ip={site.addresses.node}",
        "--node-lease-duration-seconds=40",
    )
    return Component("kwok", argv, {stages: run(site.binaries["kwok"], "stages")})


def name_of(index: int) -> str:
    """Name of a fake node, counted from 0."""
    return f"fake-{index:04}"


def manifest(index: int, gpu_count: int) -> dict[str, Any]:
    """One fake node.

    It is tainted as GPU nodes are, so that only pods that ask for GPUs land there, and never those
    that must really run.
    """
    taint = "nvidia.com/gpu" if gpu_count else "kwok.x-k8s.io/node"
    resources = {**_MACHINE, **({gpus.RESOURCE: str(gpu_count)} if gpu_count else {})}
    labels = {
        **_LABEL,
        "kubernetes.io/hostname": name_of(index),
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        **(gpus.labels(gpu_count) if gpu_count else {}),
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name_of(index),
            "labels": labels,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "spec": {"taints": [{"key": taint, "value": "present", "effect": "NoSchedule"}]},
        "status": {"capacity": resources, "allocatable": resources, "phase": "Running"},
    }


def synchronise(client: Client, count: int, gpu_count: int) -> None:
    """Make exactly that many fake nodes exist, each with that many GPUs."""
    listed = client.call("GET", f"{_PATH}?labelSelector=type%3Dkwok").get("items", [])
    present = {node["metadata"]["name"]: _gpus_of(node) for node in listed}
    wanted = {name_of(index): manifest(index, gpu_count) for index in range(count)}
    kept = {name for name, amount in present.items() if name in wanted and amount == gpu_count}
    for name in present.keys() - kept:
        client.call("DELETE", f"{_PATH}/{name}")
    for name in wanted.keys() - kept:
        client.call("POST", _PATH, wanted[name])


def _gpus_of(node: dict[str, Any]) -> int:
    return int(node.get("status", {}).get("capacity", {}).get(gpus.RESOURCE, "0"))
