"""Who puts what a server wants its own way into a request: the script that reads it, or one for each attempt."""

from __future__ import annotations

from collections.abc import Iterator

from paceline.gateway.ir import Check, Cluster, Gateway, Pods, Refusal, Target


def alike(gateway: Gateway) -> dict[str, Cluster]:
    """Clusters whose requests are as they want them when they have been read, which saves each request a script.

    Those are pods that are asked, by every target that turns to them, together with none that wants it otherwise.
    """
    apart = copying(gateway)
    found = {each.name: each for each in gateway.clusters if isinstance(each.servers, Pods) and each.name not in apart}
    targets = [clusters_of(each) for each in _targets(gateway)]
    while mixed := {name for names in targets if not _agree(names, found) for name in names & set(found)}:
        found = {name: each for name, each in found.items() if name not in mixed}
    return found


def copying(gateway: Gateway) -> set[str]:
    """Clusters that get copies, which have lost what was read of a request."""
    return {each.mirror.cluster for each in _targets(gateway) if each.mirror}


def checks(gateway: Gateway) -> list[Check]:
    """What answers of any route are held against."""
    return list(dict.fromkeys(each.check for each in _targets(gateway) if each.check))


def clusters_of(target: Target) -> set[str]:
    """Every cluster that a target may turn to."""
    return {share.cluster for group in target.groups for share in group}


def _targets(gateway: Gateway) -> Iterator[Target]:
    targets = (branch.target for route in gateway.routes for branch in route.branches)
    return (each for each in targets if not isinstance(each, Refusal))


def _agree(names: set[str], found: dict[str, Cluster]) -> bool:
    return names <= set(found) and len({(found[name].model, found[name].usage) for name in names}) == 1
