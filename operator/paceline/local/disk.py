"""The real node's disk as a resource that pods may request.

The kubelet does not measure it here (`localStorageCapacityIsolation: false`: not every machine's root file system lets
it), and without a figure no pod that fetches a model would be scheduled.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from paceline.local.client import Client

_RESOURCE = "ephemeral-storage"


def tell(client: Client, node: str, folder: Path) -> None:
    """Say how large the disk of a folder is; done after each kubelet start, as for GPUs."""
    size = str(shutil.disk_usage(folder).total)
    status = {"status": {"capacity": {_RESOURCE: size}, "allocatable": {_RESOURCE: size}}}
    client.call("PATCH", f"/api/v1/nodes/{node}/status", status, patch="merge")
