"""Time zones of budgets, by name."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Images without the distribution's zones have this package's, where zoneinfo looks by itself.
import tzdata  # type: ignore[import-untyped]  # noqa: F401


def zone(name: str) -> ZoneInfo:
    """The zone of a budget's `timeZone`.

    Raises:
        ValueError: there is none of this name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{name[:64]!r} is no time zone; write one of the IANA database, such as Europe/Berlin"
        ) from None
