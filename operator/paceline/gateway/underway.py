"""Requests whose end is not in the log yet, and the records of one once it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from paceline.api.record import MOST_TOKENS, Outcome, Purpose, Record
from paceline.gateway import outcomes, tokens
from paceline.gateway.envoy.bootstrap import ADAPTER, AGENT
from paceline.gateway.ir import ANYBODY
from paceline.gateway.lines import Line
from paceline.gateway.tokens import NONE, Tokens

#: What a record's fields take at most.
_MOST_ATTEMPTS, _LONGEST_NAME, _LONGEST_OBJECT = 1000, 256, 317
_LONGEST_US = 366 * 86_400 * 1_000_000
#: audience.policy.namespace.name
_LONGEST_CLIENT = 512
#: No class.
_OTHER = "other"
#: Between the id of a request and the number of one that the adapter makes for it.
ASK = ":"


@dataclass(frozen=True, slots=True)
class Gate:
    """Whose log it is.

    Attributes:
        gateway: namespace/name.
        teams: Of consumers that have one, by their client ids.
        classes: Of the requests of policies that have one, by their names.
    """

    gateway: str
    teams: Mapping[str, str]
    classes: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Underway:
    """What is known of a request.

    Attributes:
        beat: When it was heard of last, see `Journal`.
        last: What the proxy said last of the request itself.
        attempts: What it said last of each attempt, by when that began.
        asked: The adapter's requests for this one, by their numbers.
        end: Its last line.
    """

    beat: int
    last: Line | None = None
    attempts: dict[str, Line] = field(default_factory=dict)
    asked: dict[str, Underway] = field(default_factory=dict)
    end: Line | None = None

    @property
    def heard_us(self) -> int:
        """When the proxy spoke of it last, microseconds since 1970."""
        return max(each.emitted_us for each in self._lines())

    @property
    def settled(self) -> bool:
        """It is over, and nothing is to come of the adapter's requests either.

        The adapter answers when its own requests are over. Where its client left first, or it could not be reached,
        one of them may be on its way, of which there is no line yet.
        """
        if self.end is None or not all(each.end for each in self.asked.values()):
            return False
        return not adapted(self.end) or self.end.details == "via_upstream"

    def hear(self, line: Line) -> None:
        """Take a line of this request."""
        if line.type == "DownstreamEnd":
            self.end = line
            return
        if not line.of_attempt:
            self.last = line
            return
        known = self.attempts.get(line.started)
        if known is not None and known.type == "UpstreamEnd":
            return
        client = line.client or (known.client if known else "")
        self.attempts[line.started] = replace(line, client=client)

    def written(self, gate: Gate) -> list[Record]:
        """Its records. Without a last line the proxy is gone, or silent, and none will come."""
        numbers = sorted(self.asked, key=lambda one: (len(one), one))
        found = [record for each in numbers for record in self.asked[each].written(gate) if record.attempt]
        if found:
            return _as_one(found)
        if self.end is None:
            return self._interrupted(gate)
        return _Written(gate, self.end, self._ordered()).records(outcomes.of_request(self.end))

    def _interrupted(self, gate: Gate) -> list[Record]:
        ordered = self._ordered()
        if not (ordered or self.last):
            return []
        last = self.last or _guess(ordered)
        late = replace(
            last,
            duration_us=max(0, self.heard_us - last.started_us),
            last_byte_us=None,
            attempts=max(last.attempts, len(ordered)),
            backend=ordered[-1].backend if ordered else last.backend,
        )
        return _Written(gate, late, ordered).records(Outcome.INTERRUPTED)

    def _lines(self) -> list[Line]:
        own = [*self.attempts.values(), *(each for each in (self.last, self.end) if each)]
        return [*own, *(line for each in self.asked.values() for line in each._lines())]

    def _ordered(self) -> list[Line]:
        return [self.attempts[began] for began in sorted(self.attempts, key=lambda one: (len(one), one))]


def adapted(line: Line) -> bool:
    """The request was given to the adapter, which asks for it."""
    return line.cluster == ADAPTER and line.attempts > 0


def _as_one(records: list[Record]) -> list[Record]:
    """All attempts of the adapter's requests, as those of the one that they were made for."""
    request_id, count = records[0].request_id.partition(ASK)[0], len(records)
    revisions = [(each.deployment, each.revision) if each.deployment else each.backend for each in records]
    return [
        replace(
            each,
            id=f"{request_id}.{number}",
            request_id=request_id,
            attempt=number,
            attempts=count,
            superseded=each.superseded or bool(each.backend and revisions[number - 1] in revisions[number:]),
        )
        for number, each in enumerate(records, 1)
    ]


def _guess(attempts: list[Line]) -> Line:
    """What may be said of a request of which only its attempts are known: it began some milliseconds before them."""
    client = next((each.client for each in attempts if each.client), "")
    model, _, _ = attempts[0].route.rpartition("/")
    request = json.dumps({"client": client, "model": model})
    return replace(attempts[-1], started=attempts[0].started, request=request, code=0)


class _Written:
    """Makes the records of one request.

    Args:
        gate: Whose log it is.
        end: The last line of the request.
        attempts: The last line of each attempt, as they began.
    """

    def __init__(self, gate: Gate, end: Line, attempts: list[Line]) -> None:
        self._gate = gate
        self._end = end
        # The agent and the adapter are no backends.
        own = end.cluster in {AGENT, ADAPTER}
        self._attempts = [] if own else attempts
        self._count = 0 if own else min(max(end.attempts, len(attempts)), _MOST_ATTEMPTS)
        self._asked = _object(end.request)

    def records(self, outcome: Outcome) -> list[Record]:
        """One for each attempt; one with attempt 0 where there was none."""
        if self._count == 0:
            return [self._last(outcome, {}, NONE)]
        labels = [_object(each.backend) for each in self._attempts[: self._count]]
        lines: list[Line | None] = [*self._attempts[: self._count]]
        # Of an attempt whose line was lost only the number is known.
        lines += [None] * (self._count - len(lines))
        labels += [{}] * (self._count - len(labels))
        labels[-1] = _object(self._end.backend)
        judged = [_judged(each) for each in labels]
        found = [
            self._earlier(number, line, labels[number - 1], again=judged[number - 1] in judged[number:])
            for number, line in enumerate(lines[:-1], 1)
        ]
        return [*found, self._last(outcome, labels[-1], tokens.tokens_of(self._end.usage, self._most()))]

    def _most(self) -> int:
        """Tokens that the answer can have; what a server says beyond them is wrong, and would cost without end."""
        bound, choices = self._asked.get("bound"), self._asked.get("n")
        if not isinstance(bound, int) or not isinstance(choices, int) or min(bound, choices) < 1:
            return MOST_TOKENS
        return min(bound * choices, MOST_TOKENS)

    def _earlier(self, number: int, line: Line | None, labels: dict[str, Any], *, again: bool) -> Record:
        """An attempt after which there was another one."""
        return self._record(
            number,
            labels,
            NONE,
            superseded=again and bool(labels),
            outcome=outcomes.of_attempt(line) if line else Outcome.FAILED,
            status=line.code if line else 0,
            duration_us=self._since(line.emitted_us) if line else 0,
        )

    def _last(self, outcome: Outcome, labels: dict[str, Any], used: Tokens) -> Record:
        end = self._end
        duration = _within(end.duration_us if end.duration_us is not None else end.emitted_us - end.started_us)
        first, last = end.first_byte_us, end.last_byte_us
        if first is None or self._count == 0:
            first = last = None
        else:
            first = _within(first)
            last = max(first, _within(duration if last is None else last))
        return self._record(
            self._count,
            labels,
            used,
            outcome=outcome,
            status=end.code,
            duration_us=duration,
            ttft_us=first,
            last_us=last,
            usage_complete=outcome is Outcome.COMPLETED and used.sound,
        )

    def _record(self, number: int, labels: dict[str, Any], used: Tokens, **more: Any) -> Record:
        client, target = _text(self._asked, "client", _LONGEST_CLIENT), _object(self._end.target)
        return Record(
            id=f"{self._end.id}.{number}",
            request_id=self._end.id,
            gateway=self._gate.gateway,
            consumer=_consumer(client),
            team=self._gate.teams.get(client, "")[:_LONGEST_NAME],
            route=_text(self._asked, "model"),
            model=_text(labels, "model"),
            backend=_text(labels, "backend"),
            deployment=_text(labels, "deployment", _LONGEST_OBJECT),
            revision=_text(labels, "revision"),
            request_class=self._class(target, client),
            conversation=_text(self._asked, "conversation"),
            attempt=number,
            attempts=self._count,
            purpose=Purpose.USER,
            streamed=self._asked.get("stream") is True,
            started_us=self._end.started_us,
            input_tokens=used.input,
            cached_tokens=used.cached,
            output_tokens=used.output,
            reasoning_tokens=used.reasoning,
            usage_source=used.source,
            ttft_target_us=_target(target, "ttft"),
            tpot_target_us=_target(target, "tpot"),
            media=_count(self._asked, "media"),
            **{"superseded": False, "ttft_us": None, "last_us": None, "usage_complete": False} | more,
        )

    def _class(self, target: dict[str, Any], client: str) -> str:
        """Of the branch that was taken; else what the client said, if it is trusted; else of all of its requests."""
        said = _text(target, "class") or _text(self._asked, "class")
        return said or self._gate.classes.get(_policy(client), _OTHER)

    def _since(self, moment_us: int) -> int:
        return _within(moment_us - self._end.started_us)


def _consumer(client: str) -> str:
    """namespace/name; "" for callers without a key."""
    parts = client.split(".")
    return "/".join(parts[2:])[:_LONGEST_OBJECT] if len(parts) == 4 and all(parts) and parts[3] != ANYBODY else ""


def _judged(labels: dict[str, Any]) -> object:
    """What answers for an attempt: its revision, under whatever names the route has it; else its backend."""
    revision = labels.get("deployment"), labels.get("revision")
    return revision if all(revision) else labels


def _policy(client: str) -> str:
    """The first two parts of a client id."""
    return ".".join(client.split(".", 2)[:2])


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(found: dict[str, Any], name: str, most: int = _LONGEST_NAME) -> str:
    value = found.get(name)
    plain = "".join(each for each in value if each.isprintable()) if isinstance(value, str) else ""
    return plain[:most]


def _count(found: dict[str, Any], name: str) -> int:
    value = found.get(name)
    return min(max(0, value), MOST_TOKENS) if isinstance(value, int) else 0


def _target(target: dict[str, Any], name: str) -> int | None:
    """Microseconds of an objective in milliseconds."""
    value = target.get(name)
    return _within(value * 1000) if isinstance(value, int) and value > 0 else None


def _within(microseconds: int) -> int:
    return min(max(0, microseconds), _LONGEST_US)
