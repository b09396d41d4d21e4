"""Users: an open loop of requests that are never tried again, each of which must be answered whole."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp

#: Every n-th request is a stream, so 30 % are.
_STREAMS = (0, 3, 6)


@dataclass
class Load:
    """What users saw.

    Attributes:
        sent: Requests so far.
        failures: What went wrong, in words.
    """

    sent: int = 0
    answered: int = 0
    failures: list[str] = field(default_factory=list)


async def _ask(session: aiohttp.ClientSession, url: str, model: str, number: int, load: Load) -> None:
    streamed = number % 10 in _STREAMS
    document = {"model": model, "prompt": f"question {number}", "max_tokens": 24 + number % 40, "ignore_eos": True}
    if streamed:
        document |= {"stream": True, "stream_options": {"include_usage": True}}
    try:
        async with session.post(f"{url}/v1/completions", json=document) as answer:
            text = await answer.text()
            wrong = f"HTTP {answer.status}: {text[:200]}" if answer.status != 200 else ""
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        load.failures.append(f"request {number}{' (stream)' if streamed else ''}: {error!r}")
        return
    if not wrong:
        wrong = _wrong_stream(text, document["max_tokens"]) if streamed else _wrong_answer(text, document["max_tokens"])
    if wrong:
        load.failures.append(f"request {number}{' (stream)' if streamed else ''}: {wrong}")
    else:
        load.answered += 1


def _wrong_answer(text: str, tokens: object) -> str:
    used = json.loads(text)["usage"]["completion_tokens"]
    return "" if used == tokens else f"{used} tokens, not {tokens}"


def _wrong_stream(text: str, tokens: object) -> str:
    events = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    if not events or events[-1] != "[DONE]":
        return "the stream was cut"
    used = json.loads(events[-2])["usage"]["completion_tokens"]
    return "" if used == tokens else f"{used} tokens, not {tokens}"


@contextmanager
def users(url: str, model: str, per_second: float) -> Iterator[Load]:
    """Users ask while the block runs; at its end those under way are waited for.

    Half of them keep their connection, as SDKs do, and half come anew each time.

    Args:
        url: Of the Service.
        model: Served name.
        per_second: Requests a second, in an open loop.
    """
    load, ended = Load(), threading.Event()

    async def run() -> None:
        loop, under_way = asyncio.get_running_loop(), set()
        timeout = aiohttp.ClientTimeout(total=120)
        keeping = aiohttp.TCPConnector(limit=0)
        fresh = aiohttp.TCPConnector(limit=0, force_close=True)
        async with (
            aiohttp.ClientSession(connector=keeping, timeout=timeout) as kept,
            aiohttp.ClientSession(connector=fresh, timeout=timeout) as new,
        ):
            begun = loop.time()
            while not ended.is_set():
                await asyncio.sleep(max(0.0, begun + load.sent / per_second - loop.time()))
                session = kept if load.sent % 2 else new
                task = asyncio.create_task(_ask(session, url, model, load.sent, load))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                load.sent += 1
            await asyncio.gather(*under_way)

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="users")
    thread.start()
    try:
        yield load
    finally:
        ended.set()
        thread.join()
