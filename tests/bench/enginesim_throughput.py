"""How many tokens per second does engine-sim stream on one core, and how late is its event loop?

    python tests/bench/enginesim_throughput.py [--seconds 10] [--streams 256]

Prints JSON. Beside it, in the same run, a bare aiohttp server streams the same bytes at the same pace with
`StreamResponse.write`. Load comes from a raw asyncio client on another core. `tokens_per_cpu_second` does not
depend on what else the machine does; tokens_per_second does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import sys
import time
from multiprocessing.connection import Connection
from random import Random
from typing import Any

from aiohttp import web

from paceline.enginesim.config import Config
from paceline.enginesim.server import serve
from paceline.sim import calibration

STEP = 0.0175  # the H100 calibration's step with 256 sequences
TOKENS = (128, 384)  # shortest and longest answer
CHUNK = (
    b'data: {"id":"chatcmpl-0123456789abcdef0123456789abcdef","object":"chat.completion.chunk","created":1790000000,'
    b'"model":"llama-3-8b-h100","choices":[{"index":0,"delta":{"content":" harbour"},"logprobs":null,'
    b'"finish_reason":null}]}\n\n'
)


async def watch_lag(lags: list[float]) -> None:
    """Sleep 5 ms at a time and note how much later it was."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + 0.005
        await asyncio.sleep(0.005)
        lags.append(loop.time() - due)


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


async def bare(on_listen: Any, seconds_per_step: float) -> None:
    """Serve the same bytes without an engine."""

    async def stream(request: web.Request) -> web.StreamResponse:
        tokens = json.loads(await request.read())["max_tokens"]
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        loop = asyncio.get_running_loop()
        start = loop.time()
        for number in range(tokens):
            await asyncio.sleep(start + (number + 1) * seconds_per_step - loop.time())
            await response.write(CHUNK)
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response

    app = web.Application()
    app.router.add_post("/v1/chat/completions", stream)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    on_listen(runner.addresses[0][1])
    await asyncio.Event().wait()


async def engine(on_listen: Any, scale: float) -> None:
    """Serve with the simulated engine."""
    config = Config(
        calibration=calibration.load("llama-3-8b-h100"),
        served_name="llama-3-8b-h100",
        host="127.0.0.1",
        port=0,
        load_seconds=0,
        time_scale=scale,
    )
    await serve(config, asyncio.Event(), on_listen)


def child(kind: str, scale: float, pipe: Connection) -> None:
    """Run one server; answer each message with CPU seconds and the lags since the last message."""
    lags: list[float] = []

    async def main() -> None:
        watch = asyncio.create_task(watch_lag(lags))

        def reply() -> None:
            pipe.recv()
            usage = resource.getrusage(resource.RUSAGE_SELF)
            pipe.send((usage.ru_utime + usage.ru_stime, list(lags)))
            lags.clear()

        asyncio.get_running_loop().add_reader(pipe.fileno(), reply)
        await (engine(pipe.send, scale) if kind == "engine-sim" else bare(pipe.send, STEP * scale))
        watch.cancel()

    asyncio.run(main())


class Client(asyncio.Protocol):
    """Asks for one stream after another and counts events."""

    def __init__(self, rng: Random, counter: list[int]) -> None:
        self._rng = rng
        self._counter = counter

    def ask(self) -> None:
        document = {
            "model": "llama-3-8b-h100",
            "messages": [{"role": "user", "content": "Tell me about the harbour."}],
            "stream": True,
            "max_tokens": self._rng.randint(*TOKENS),
            "ignore_eos": True,
        }
        body = json.dumps(document).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.ask()

    def data_received(self, data: bytes) -> None:
        self._counter[0] += data.count(b"data: {")
        if data.endswith(b"0\r\n\r\n"):
            self.ask()


async def load(port: int, streams: int, seconds: float, pipe: Connection) -> dict[str, float]:
    rng, counter, loop = Random(1), [0], asyncio.get_running_loop()
    for _ in range(streams):
        await loop.create_connection(lambda: Client(rng, counter), "127.0.0.1", port)
    await asyncio.sleep(6)  # until answers of different lengths have spread the requests over time

    def ask() -> tuple[float, list[float]]:
        pipe.send("figures")
        answer: tuple[float, list[float]] = pipe.recv()
        return answer

    cpu, _ = ask()
    tokens, start = counter[0], time.monotonic()
    await asyncio.sleep(seconds)
    tokens, wall = counter[0] - tokens, time.monotonic() - start
    cpu_after, lags = ask()
    used = cpu_after - cpu
    return {
        "tokens_per_second": round(tokens / wall),
        "tokens_per_cpu_second": round(tokens / used),
        "cpu_share": round(used / wall, 3),
        "lag_p50_ms": round(quantile(lags, 0.5) * 1e3, 2),
        "lag_p99_ms": round(quantile(lags, 0.99) * 1e3, 2),
        "lag_max_ms": round(max(lags) * 1e3, 2),
    }


def measure(kind: str, scale: float, streams: int, seconds: float) -> dict[str, float]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=child, args=(kind, scale, theirs), daemon=True)
    process.start()
    try:
        return asyncio.run(load(ours.recv(), streams, seconds, ours))
    finally:
        process.terminate()
        process.join(5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--streams", type=int, default=256)
    parser.add_argument("--scale", type=float, default=1.0, help="0.5 asks for twice the tokens")
    arguments = parser.parse_args()
    result: dict[str, Any] = {"streams": arguments.streams, "load_average": os.getloadavg()[0]}
    for kind in ("engine-sim", "bare aiohttp"):
        result[kind] = measure(kind, arguments.scale, arguments.streams, arguments.seconds)
    ratio = result["engine-sim"]["tokens_per_cpu_second"] / result["bare aiohttp"]["tokens_per_cpu_second"]
    result["ratio_to_bare"] = round(ratio, 2)
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
