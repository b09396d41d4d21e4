"""The Secrets that a gateway's pods mount."""

from __future__ import annotations

from collections import defaultdict
from posixpath import basename, dirname

from paceline.gateway.ir import Gateway


def mounted(gateway: Gateway, folder: str) -> dict[str, tuple[str, ...]]:
    """Keys by the names of the Secrets that the gateway reads from files.

    Args:
        gateway: Neutral routes.
        folder: Where Secrets are mounted, each in a folder of its own name; files elsewhere are not meant.
    """
    tls = gateway.listener.tls
    files = {each.credential_file for each in gateway.clusters} | ({tls.certificate, tls.key} if tls else set())
    found: defaultdict[str, set[str]] = defaultdict(set)
    for file in files:
        if dirname(dirname(file)) == folder:
            found[basename(dirname(file))].add(basename(file))
    return {name: tuple(sorted(keys)) for name, keys in sorted(found.items())}
