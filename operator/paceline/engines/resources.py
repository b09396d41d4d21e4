"""Resources of one replica: the profile's, and its accelerators."""

from __future__ import annotations

from collections.abc import Mapping

from paceline.api.profile import HardwareProfile
from paceline.errors import Stalled

Quantities = tuple[tuple[str, str], ...]


def resources(profile: HardwareProfile, count: int) -> tuple[Quantities, Quantities]:
    """Requests and limits of one replica, sorted by name.

    Extended resources are requested and limited alike, as Kubernetes wants it.

    Raises:
        Stalled: reason InvalidSpec, when accelerators are counted on a profile that has none.
    """
    name = profile.accelerator_resource
    if not name and count > 1:
        raise Stalled(
            "InvalidSpec",
            f'spec.hardware.count is {count}, but profile "{profile.name}" has no accelerator to count. '
            "Set it to 1 or choose a profile with accelerators.",
        )
    devices = {name: str(count)} if name else {}
    return _pairs(profile.resources.requests, devices), _pairs(profile.resources.limits, devices)


def _pairs(given: Mapping[str, str], devices: Mapping[str, str]) -> Quantities:
    return tuple(sorted({**given, **devices}.items()))
