"""Kubernetes quantities: read, compare, and write as the API server writes them.

The API server stores "1000m" as "1" and "1024Mi" as "1Gi"; what we render must already look so, or every comparison
of rendered with live fields finds a difference. The rules are those of apimachinery's resource.Quantity and, because
all of ours are resources of pods, those of pods: rounded up to thousandths.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal

#: Quantities that are not negative, as schemas can check them.
PATTERN = r"^[0-9]+(\.[0-9]+)?(n|u|m|k|Ki|Mi|Gi|Ti|Pi|Ei|M|G|T|P|E|e-?[0-9]{1,3})?$"

_PATTERN = re.compile(r"^\+?([0-9]+\.?[0-9]*|\.[0-9]+)(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?[0-9]{1,3})?$")
_SCIENTIFIC = re.compile(r"[eE][+-]?[0-9]+$")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_MILLI = Decimal("1e-3")
#: resource.Quantity caps at the largest int64; more is refused here, because a cap would hide the mistake.
_MAX = Decimal(2**63 - 1)


def parse(text: str | int) -> Decimal:
    """Value of a quantity, rounded up to thousandths as in pods.

    Raises:
        ValueError: not a quantity, negative, or larger than Kubernetes can hold; the message names the value.
    """
    match = _PATTERN.match(str(text)) if len(str(text)) <= 64 else None
    if not match:
        raise ValueError(f"{str(text)[:64]!r} is not a quantity that is 0 or more; write it as 500m, 8 or 64Gi")
    number, suffix = Decimal(match[1]), match[2] or ""
    value: Decimal
    if suffix in _BINARY:
        value = number * Decimal(2 ** _BINARY[suffix])
    elif suffix in _DECIMAL:
        value = number.scaleb(_DECIMAL[suffix])
    else:
        value = number.scaleb(int(suffix[1:]))
    if value > _MAX:
        raise ValueError(f"{text!r} is larger than any quantity in Kubernetes (2^63 - 1)")
    return value.quantize(_MILLI, ROUND_CEILING) if value % 1 else value


def canonical(text: str | int) -> str:
    """The quantity as the API server would store it.

    Raises:
        ValueError: as for `parse`.
    """
    value = parse(text)
    if str(text).endswith("i") and value >= 1024 and value % 1 == 0:
        return _binary(int(value))
    return _decimal(value, scientific=bool(_SCIENTIFIC.search(str(text))))


def _binary(value: int) -> str:
    suffix = ""
    for name in _BINARY:
        if value % 1024:
            break
        value, suffix = value // 1024, name
    return f"{value}{suffix}"


def _decimal(value: Decimal, *, scientific: bool) -> str:
    if not value:
        return "0"
    power = -3
    mantissa = int(value.scaleb(3))
    while mantissa % 1000 == 0 and power < 18:
        mantissa, power = mantissa // 1000, power + 3
    if scientific:
        return f"{mantissa}e{power}" if power else str(mantissa)
    return f"{mantissa}{_SUFFIX[power]}"
