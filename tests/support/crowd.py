"""Users of a gateway: an open loop of chats, 30 % of them long streams, each of which must be answered whole."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.support.door import CHAT
from tests.support.worlds import eventually

#: Of a stream.
CHUNKS_PER_SECOND = 10


@dataclass(frozen=True)
class Lengths:
    """Seconds of streams: exponential between the least and the most.

    Attributes:
        mean: Of the exponential before it is bounded, which is close to the bounded one's.
    """

    least: float
    mean: float
    most: float

    def draw(self, dice: random.Random) -> float:
        return min(self.least + dice.expovariate(1 / (self.mean - self.least)), self.most)


@dataclass
class Crowd:
    """What users saw. Half of them keep their connection, as SDKs do, and half come anew each time.

    Attributes:
        url: Of the gateway.
        key: The one that users have now.
        failures: What went wrong, in words.
        cut: How many of them were streams.
    """

    url: str
    key: Callable[[], str]
    per_second: float
    lengths: Lengths
    dice: random.Random
    sent: int = 0
    answered: int = 0
    streamed_seconds: float = 0.0
    failures: list[str] = field(default_factory=list)
    cut: int = 0

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        """Ask while the block runs; at its end those under way are waited for."""
        over, timeout = asyncio.Event(), aiohttp.ClientTimeout(total=120)
        keeping, fresh = aiohttp.TCPConnector(limit=0), aiohttp.TCPConnector(limit=0, force_close=True)
        async with (
            aiohttp.ClientSession(connector=keeping, timeout=timeout) as kept,
            aiohttp.ClientSession(connector=fresh, timeout=timeout) as new,
        ):
            loop = asyncio.create_task(self._ask((kept, new), over))
            try:
                yield
            finally:
                over.set()
                await loop

    async def until(self, count: int) -> None:
        """Wait until so many requests were sent."""
        await eventually(lambda: self.sent >= count, 2 * count / self.per_second + 60, f"{count} requests sent")

    async def _ask(self, sessions: tuple[aiohttp.ClientSession, ...], over: asyncio.Event) -> None:
        loop, under_way = asyncio.get_running_loop(), set()
        began = loop.time()
        while not over.is_set():
            await asyncio.sleep(max(0.0, began + self.sent / self.per_second - loop.time()))
            task = asyncio.create_task(self._one(sessions[self.sent % 2], self.sent))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            self.sent += 1
        await asyncio.gather(*under_way)

    async def _one(self, session: aiohttp.ClientSession, number: int) -> None:
        streamed = number % 10 in {0, 3, 6}
        seconds = self.lengths.draw(self.dice) if streamed else 0.0
        tokens = max(1, round(seconds * CHUNKS_PER_SECOND)) if streamed else 2
        body: dict[str, Any] = {
            "model": "bot",
            "messages": [{"role": "user", "content": f"question {number}"}],
            "max_tokens": tokens,
            "ignore_eos": True,
        }
        if streamed:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        headers = {"authorization": f"Bearer {self.key()}"}
        try:
            async with session.post(self.url + CHAT, json=body, headers=headers) as answer:
                text = await answer.text()
                wrong = (
                    f"HTTP {answer.status}: {text[:200]}" if answer.status != 200 else _wrong(text, tokens, streamed)
                )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, LookupError) as error:
            wrong = repr(error)
        if wrong:
            self.failures.append(f"request {number}{' (stream)' if streamed else ''}: {wrong}")
            self.cut += streamed
        else:
            self.answered += 1
            self.streamed_seconds += seconds


def _wrong(text: str, tokens: int, streamed: bool) -> str:
    """What is wrong with an answer; "" where it is whole."""
    said = text
    if streamed:
        events = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
        if not events or events[-1] != "[DONE]":
            return "the stream was cut"
        said = events[-2]
    used = json.loads(said)["usage"]["completion_tokens"]
    return "" if used == tokens else f"{used} tokens, not {tokens}"
