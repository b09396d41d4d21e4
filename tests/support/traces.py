"""What a local cluster leaves on a machine, found without asking the code under test."""

from __future__ import annotations

import subprocess
from pathlib import Path

from paceline.local import addresses, network
from paceline.local.paths import Folders


def _lines(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def _processes() -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            found.append(f"{command} {(folder / 'cgroup').read_text()}")
        except OSError:
            continue
    return found


def traces(name: str, found: addresses.Addresses) -> list[str]:
    """Every line of the machine's tables that mentions the cluster: links, routes, namespaces, mounts, cgroups,
    processes, files outside its folders, and the folders themselves.

    Args:
        name: The cluster's name.
        found: The addresses that it had.
    """
    folders = Folders.of(name)
    block = str(found.block).rsplit(".", 2)[0] + "."
    own = (f"paceline-{name}", str(folders.state), str(folders.run), network.host_end(name), block)
    tables = [
        *_lines("ip", "-o", "link"),
        *_lines("ip", "-4", "route", "show", "table", "all"),
        *_lines("ip", "netns"),
        *_lines("find", "/sys/fs/cgroup", "-type", "d", "-name", f"paceline-{name}"),
        *_lines("find", "/run/netns", "/var/log", "/var/lib/cni", "-name", f"*{name}*"),
        *_lines("find", "/var/log/containers", "-type", "l", "-printf", "%p %l\\n"),
        *Path("/proc/self/mountinfo").read_text().splitlines(),
        *Path("/proc/net/unix").read_text().splitlines(),
        *_processes(),
    ]
    lines = [line for line in tables if any(mark in line for mark in own)]
    return lines + [str(folder) for folder in (folders.state, folders.run) if folder.exists()]
