"""What the kubelet changes for the whole machine, put back when the last cluster goes."""

from __future__ import annotations

import json
from contextlib import suppress
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
#: Where the kubelet's socket for device plugins is, whatever --root-dir says.
PLUGINS = Path("/var/lib/kubelet/device-plugins")


def remember() -> None:
    """Note how things are before the first kubelet starts. Under /run, for a reboot resets both."""
    file = RUN_ROOT / "kernel.json"
    if not file.exists():
        settings = {name: (_PROC / name).read_text().strip() for name in TUNABLES if (_PROC / name).exists()}
        found = {"settings": settings, "made": [str(each) for each in (PLUGINS, PLUGINS.parent) if not each.exists()]}
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        new.write_text(json.dumps(found))
        new.replace(file)


def restore() -> None:
    """Put everything back and forget it."""
    file = RUN_ROOT / "kernel.json"
    if not file.exists():
        return
    found = json.loads(file.read_text())
    for name, value in found["settings"].items():
        if (_PROC / name).read_text().strip() != value:
            (_PROC / name).write_text(value)
    for folder in map(Path, found["made"]):
        for left in folder.glob("*"):
            if not left.is_dir():
                left.unlink()
        with suppress(OSError):  # not there, or something else lives there by now
            folder.rmdir()
    file.unlink()
