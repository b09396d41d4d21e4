"""What can be in an agent's way."""

from __future__ import annotations

from paceline.errors import Transient


class Unreachable(Transient):
    """A server does not answer, or not as it should; tried again with growing pauses."""


class Disconnected(Unreachable):
    """A server was there, and then closed the connection without an answer."""


class NotLeading(Unreachable):
    """This replica of the operator takes no reports; another one does."""


class ProxyGone(Transient):
    """Envoy does not answer on loopback: it starts, or has ended."""
