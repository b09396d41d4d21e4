"""Who used what, seen from three sides: what Envoy wrote down, the ledger's rows, the engines' truth."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from paceline.gateway.lines import Line, parse

#: Of the prompt and of the answer.
Tokens = tuple[int, int]
NOTHING: Tokens = (0, 0)
#: When a process was killed and when it was back, seconds since 1970.
Kill = tuple[float, float]
#: What a clock may be off, and what a write takes on a busy machine.
MARGIN_SECONDS = 0.1


@dataclass(frozen=True)
class Heard:
    """What Envoy wrote down of a request.

    Attributes:
        tokens: Of the last usage that it received.
        ended: There is a line of its end; else Envoy was killed before.
    """

    tokens: Tokens
    ended: bool
    attempts: int


@dataclass
class Log:
    """All that Envoy wrote, also in logs that the agent has put aside and removed by now.

    Attributes:
        path: Where it writes.
    """

    path: Path
    _open: dict[int, BinaryIO] = field(default_factory=dict)
    _texts: dict[int, bytearray] = field(default_factory=dict)

    async def follow(self) -> None:
        """Read on until cancelled."""
        while True:
            self.read()
            await asyncio.sleep(0.2)

    def read(self) -> None:
        """Read what has come."""
        with contextlib.suppress(FileNotFoundError):
            number = self.path.stat().st_ino
            if number not in self._open:
                self._open[number] = self.path.open("rb")
                self._texts[number] = bytearray()
        for number, file in self._open.items():
            self._texts[number] += file.read()

    def heard(self) -> dict[str, Heard]:
        """By request; lines that a kill cut are read as far as they can be."""
        self.read()
        lines: dict[str, list[Line]] = {}
        for text in (each for log in self._texts.values() for each in log.split(b"\n")):
            for line in parse(bytes(text)):
                lines.setdefault(line.id, []).append(line)
        return {number: _heard(found) for number, found in lines.items()}

    def close(self) -> None:
        for each in self._open.values():
            each.close()


def _heard(lines: list[Line]) -> Heard:
    ends = [each for each in lines if each.type == "DownstreamEnd"]
    told = ends or [each for each in lines if each.type == "DownstreamPeriodic"]
    begun = {each.started for each in lines if each.of_attempt}
    usage = json.loads(told[-1].usage or "{}") if told else {}
    tokens = (usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0))
    return Heard(tokens, bool(ends), max(told[-1].attempts if told else 0, len(begun)))


def truth(logs: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """What engines did, by request: tokens of all attempts, and when it came to them last (seconds since 1970)."""
    found: dict[str, dict[str, Any]] = {}
    for log in logs:
        for line in log.read_text().splitlines():
            each = json.loads(line)
            one = found.setdefault(each["id"], {"tokens": NOTHING, "arrival": 0.0})
            one["tokens"] = (one["tokens"][0] + each["prompt_tokens"], one["tokens"][1] + each["output_tokens"])
            one["arrival"] = max(one["arrival"], each["arrival_wall"])
    return found


@dataclass
class Verdict:
    """What is different between the engines' truth and the ledger, request by request.

    Attributes:
        silent: Aborted before the engine had said anything of its usage, as it does only at the end of an answer that
            is no stream: tokens that the ledger cannot know.
        late: Of streams that were aborted or cut, tokens that the engine made before it noticed.
        interrupted: Of requests of a killed Envoy, tokens behind its last line, which it writes each second.
        lost: Requests of which a killed Envoy had nothing in its log yet: seconds from their arrival to the kill.
        wrong: Whatever else.
    """

    silent: dict[str, int] = field(default_factory=dict)
    late: dict[str, int] = field(default_factory=dict)
    interrupted: dict[str, int] = field(default_factory=dict)
    lost: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    @property
    def figures(self) -> dict[str, Any]:
        late = sorted(self.late.values())
        return {
            "aborts: tokens not recorded, p99": late[-(len(late) // 100) - 1] if late else 0,
            "most": late[-1] if late else 0,
            "aborts before any usage": len(self.silent),
            "interrupted by kills of Envoy": len(self.interrupted),
            "tokens since Envoy's last word, most": max(self.interrupted.values(), default=0),
            "lost within the flush before a kill": len(self.lost),
        }


def compared(
    found: Mapping[str, Mapping[str, Any]], rows: Mapping[str, list[dict[str, Any]]], kills: list[Kill], flush: float
) -> Verdict:
    """Compare.

    Args:
        found: The engines' truth.
        rows: Of the ledger, by request.
        kills: Of Envoy.
        flush: Seconds that Envoy may keep a line for.
    """
    verdict = Verdict()
    for number, true in found.items():
        if number not in rows:
            before = min((at - true["arrival"] for at, _ in kills), key=abs)
            # An engine may read late what a killed Envoy had sent.
            if any(at - flush - MARGIN_SECONDS <= true["arrival"] <= back for at, back in kills):
                verdict.lost[number] = round(before, 3)
            else:
                verdict.wrong.append(f"{number}: {true} is not in the ledger, {before:.3f} s before a kill")
            continue
        _compare(number, true["tokens"], rows[number], verdict)
    return verdict


def _compare(number: str, tokens: Tokens, rows: list[dict[str, Any]], verdict: Verdict) -> None:
    ours = (sum(row["input_tokens"] for row in rows), sum(row["output_tokens"] for row in rows))
    outcome, missing = rows[-1]["outcome"], tokens[1] - ours[1]
    if ours == tokens:
        return
    if outcome == "Interrupted" and missing >= 0:
        verdict.interrupted[number] = missing
    elif outcome in {"Aborted", "Reset"} and ours == NOTHING:
        verdict.silent[number] = sum(tokens)
    elif outcome in {"Aborted", "Reset"} and ours[0] == tokens[0] and missing > 0:
        verdict.late[number] = missing
    else:
        verdict.wrong.append(f"{number}: the engine says {tokens}, the ledger {ours} ({outcome}, {len(rows)} rows)")
