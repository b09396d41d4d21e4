"""What the ledger must know of one Gateway: who calls, what is paid, and how long requests may wait.

The operator makes it of Gateway and Consumers; it reaches the ledger over the network. Amounts are micro-units, times
since 1970 are microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from paceline.api import money
from paceline.api.base import describe
from paceline.api.consumer_spec import BudgetMode, Period
from paceline.api.record import Id, Name, Object

#: Largest price of a million tokens: one unit of the currency for each. Costs rely on it (decide/pricing.py).
MOST_PER_MILLION = 1_000_000 * money.UNIT

Micros = Annotated[int, Field(ge=0, lt=10**12 * money.UNIT)]
PerMillion = Annotated[int, Field(ge=0, le=MOST_PER_MILLION)]
#: In the year 2255: what integers of JSON documents can be relied on to hold.
LATEST_US = 2**53
#: 0: no limit.
Limit = Annotated[int, Field(ge=0, le=2**31 - 1)]
Seconds = Annotated[int, Field(ge=0, le=86_400)]

_STRICT = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """An amount that a Consumer may spend in a period.

    Attributes:
        time_zone: Name in the IANA database, whose midnights begin the periods.
        grace_seconds: How long it is served while the ledger cannot be asked; 0 for a Hard one.
    """

    name: Id
    amount_micros: Micros
    period: Period
    time_zone: Id
    mode: BudgetMode
    grace_seconds: Seconds

    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A Consumer of the Gateway.

    Attributes:
        consumer: namespace/name.
        clients: The ids by which its requests are known.
        priority: 0 goes first, 9 last.
    """

    consumer: Object
    team: Name
    clients: tuple[Object, ...]
    priority: Annotated[int, Field(ge=0, le=9)]
    suspended: bool
    budgets: tuple[Budget, ...]
    requests_per_minute: Limit
    tokens_per_minute: Limit
    max_concurrent_requests: Limit

    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a million tokens of a model cost from some time on.

    Attributes:
        backend: Only this backend of a route; "" every one.
        effective_us: 0: always.
    """

    name: Id
    model: Name
    backend: Name
    effective_us: Annotated[int, Field(ge=0, le=LATEST_US)]
    input_micros: PerMillion
    cached_input_micros: PerMillion
    output_micros: PerMillion

    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """Who may answer a route's requests.

    Attributes:
        model: The name that it knows the model by, which has the price.
        deployment: namespace/name of a ModelDeployment; "" for others.
        context_tokens: What the model reads at most; None where that is not known.
    """

    name: Name
    model: Name
    deployment: Object
    context_tokens: Annotated[int, Field(ge=1)] | None

    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What bounds the cost of a request for a model, and how long it waits.

    Attributes:
        attempts: How often a request may be sent, the first time included.
        timeout_seconds: Of the whole answer.
        max_output_tokens: Of requests that say nothing themselves.
        prompt_bytes: Put before each conversation.
        waits: Requests are asked for now, because nobody can take them at once.
        waiting_seconds: How long one may wait; 0: none waits.
        waiting_requests: How many may wait at a time.
    """

    model: Name
    backends: tuple[Backend, ...]
    attempts: Annotated[int, Field(ge=1, le=1000)]
    timeout_seconds: Seconds
    max_output_tokens: Limit
    prompt_bytes: Limit
    waits: bool
    waiting_seconds: Seconds
    waiting_requests: Limit

    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerView:
    """Everything that the ledger must know of one Gateway.

    Attributes:
        gateway: namespace/name.
        callers: In the order of their names.
        prices: In the order of their names.
        routes: In the order of their models.
    """

    gateway: Object
    callers: tuple[Caller, ...]
    prices: tuple[Price, ...]
    routes: tuple[Route, ...]

    __pydantic_config__ = _STRICT


_DOCUMENTS = TypeAdapter(LedgerView)


def parse(document: bytes) -> LedgerView:
    """Read the JSON of a view: every field, none besides, each of its own type.

    Raises:
        ValueError: it is none; the message says what is wrong with which field.
    """
    try:
        return _DOCUMENTS.validate_json(document)
    except ValidationError as wrong:
        raise ValueError(describe(wrong, "view")) from None


def write(view: LedgerView) -> bytes:
    """The JSON of a view; equal bytes for equal views."""
    return _DOCUMENTS.dump_json(view, by_alias=True)
