"""Numbers as people read them: two significant digits, and still until they really move."""

from __future__ import annotations

from decimal import Decimal

from paceline.stats.histogram import Histogram

_CENT = Decimal("0.01")
_SMALLEST = Decimal("0.000001")
_LARGEST = Decimal("999999999999")

#: A shown figure moves when it changed by more than this share.
MOVED = Decimal("0.1")


def two_digits(value: float) -> str:
    """A number with two significant digits, written without an exponent and within the API's decimals."""
    number = Decimal(f"{value:.1e}").quantize(_SMALLEST) if value < 1 else Decimal(f"{min(value, float(_LARGEST)):.1e}")
    text = f"{min(number, _LARGEST):f}"
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def milliseconds(histogram: Histogram | None) -> dict[str, str] | None:
    """Percentiles of a histogram in seconds, as `status.slo` shows them; None without observations."""
    if histogram is None:
        return None
    shares = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
    values = {name: histogram.quantile(share) for name, share in shares.items()}
    shown = {name: two_digits(value * 1000) for name, value in values.items() if value is not None}
    return shown if len(shown) == len(shares) else None


def readable(value: object) -> bool:
    """Whether this is a number; a forged status may hold anything that its schema lets in."""
    try:
        return Decimal(str(value)).is_finite()
    except ArithmeticError:
        return False


def spoken(value: str) -> str:
    """Milliseconds for a column: 310 ms, 8.5 ms, 1.2 s."""
    number = Decimal(value)
    return f"{two_digits(float(number / 1000))} s" if number >= 1000 else f"{value} ms"


def moved(before: object, now: str) -> bool:
    """Whether a shown figure changed by more than a tenth; also where there was none that can be read."""
    if not readable(before):
        return True
    old = Decimal(str(before))
    return abs(Decimal(now) - old) > MOVED * abs(old)


def money(amount: Decimal) -> str:
    """An amount with at least two decimals and at most six, never rounded to nothing before that, at most 12 digits."""
    exact = min(amount, _LARGEST).quantize(_SMALLEST)
    cents = exact.quantize(_CENT)
    return f"{cents:f}" if cents == exact else f"{exact:f}".rstrip("0")
