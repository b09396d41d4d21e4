"""What a route needs and cannot have."""

from __future__ import annotations

from dataclasses import dataclass

from paceline.api.reason import Reason


@dataclass
class Unresolved(Exception):  # noqa: N818 - a state of the world, not an accident
    """A backend, a prompt or a schema that cannot be had.

    Attributes:
        reason: For the condition BackendsResolved.
        message: What, and why; without capital letter and full stop, because the route's name goes before it.
    """

    reason: Reason
    message: str
