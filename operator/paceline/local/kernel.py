"""Kernel settings that the kubelet changes for the whole machine, put back when the last cluster goes."""

from __future__ import annotations

import json
from pathlib import Path

from paceline.local.paths import RUN_ROOT

#: What the kubelet sets at its start (setupKernelTunables of Kubernetes 1.35).
TUNABLES = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
_PROC = Path("/proc/sys")


def remember() -> None:
    """Note the settings as they are before the first kubelet starts. Under /run, for a reboot resets both."""
    file = RUN_ROOT / "kernel.json"
    if not file.exists():
        found = {name: (_PROC / name).read_text().strip() for name in TUNABLES if (_PROC / name).exists()}
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        new.write_text(json.dumps(found))
        new.replace(file)


def restore() -> None:
    """Put the settings back and forget them."""
    file = RUN_ROOT / "kernel.json"
    if not file.exists():
        return
    for name, value in json.loads(file.read_text()).items():
        if (_PROC / name).read_text().strip() != value:
            (_PROC / name).write_text(value)
    file.unlink()
