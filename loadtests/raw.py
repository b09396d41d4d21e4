"""The same replay by plain asyncio sockets: what a client costs that does nothing but read.

python -m loadtests.raw --host http://127.0.0.1:8000 --trace FILE --start 600 --duration 600 --model NAME --out FILE
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path
from urllib.parse import urlsplit

from loadtests.schedule import Planned, azure, body
from loadtests.stream import Seen


async def send(request: Planned, began: float, host: str, port: int, payload: bytes) -> Seen:
    seen = Seen(request.id, intended=began + request.at)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n"
        f"content-type: application/json\r\nx-request-id: {request.id}\r\ncontent-length: {len(payload)}\r\n\r\n"
    )
    try:
        seen.sent = time.monotonic()
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(head.encode() + payload)
        await writer.drain()
        seen.status = int((await reader.readline()).split()[1])
        # Chunk sizes and headers are lines too, but none of them starts with "data:".
        while line := await reader.readline():
            seen.line(line, time.monotonic())
        writer.close()
    except Exception as problem:  # noqa: BLE001 - every failure is a row of the result
        seen.error = repr(problem)
    return seen


async def replay(options: argparse.Namespace) -> list[Seen]:
    url = urlsplit(options.host)
    assert url.hostname is not None
    planned = azure(Path(options.trace), options.start, options.duration, keep=options.keep, prefix="raw")
    # Encoded beforehand: building a prompt when it is due would make others late.
    payloads = [json.dumps(body(request, options.model)).encode() for request in planned]
    began = time.monotonic() + 1.0
    running = []
    for request, payload in zip(planned, payloads, strict=True):
        await asyncio.sleep(max(0.0, began + request.at - time.monotonic()))
        running.append(asyncio.create_task(send(request, began, url.hostname, url.port or 80, payload)))
    return list(await asyncio.gather(*running))


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--host", "--trace", "--model", "--out"):
        parser.add_argument(name, required=True)
    parser.add_argument("--start", type=float, default=0.0)
    parser.add_argument("--duration", type=float, default=600.0)
    parser.add_argument("--keep", type=int, default=1)
    options = parser.parse_args()
    rows = asyncio.run(replay(options))
    Path(options.out).write_text("".join(seen.row() + "\n" for seen in rows))


if __name__ == "__main__":
    main()
