"""How much may be held at a time."""

from __future__ import annotations

from types import TracebackType


class Full(Exception):  # noqa: N818 - it is an answer
    """There is no room for more."""


class Room:
    """Requests and bytes.

    Args:
        requests: At most.
        size: Bytes of all of them together.
    """

    def __init__(self, requests: int, size: int) -> None:
        self._requests = requests
        self._size = size

    def place(self) -> Place:
        """For one request.

        Raises:
            Full: there are too many.
        """
        if not self._requests:
            raise Full
        self._requests -= 1
        return Place(self)

    def take(self, size: int) -> None:
        """Hold some bytes.

        Raises:
            Full: there is no room for them.
        """
        if size > self._size:
            raise Full
        self._size -= size

    def give_back(self, size: int) -> None:
        """A request is over."""
        self._requests += 1
        self._size += size


class Place:
    """What one request holds, until the end of its block."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._size = 0

    def take(self, size: int) -> None:
        """Hold some bytes more.

        Raises:
            Full: there is no room for them.
        """
        self._room.take(size)
        self._size += size

    def __enter__(self) -> Place:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._room.give_back(self._size)
