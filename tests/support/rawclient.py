"""A raw asyncio streaming client: what a user's socket sees, with no library in between."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Seen:
    """One stream as the client saw it; seconds."""

    id: str
    status: int
    tokens: int
    ttft: float
    tpot: float


async def stream(host: str, port: int, id: str, document: dict[str, Any], path: str = "/v1/completions") -> Seen:
    """Send one request on a new connection and time its content-bearing events from the moment of sending."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    reader, writer = await asyncio.open_connection(host, port)
    body = json.dumps({**document, "stream": True}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nX-Request-Id: {id}\r\nConnection: close\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    status = int((await reader.readline()).split()[1])
    first = last = 0.0
    tokens = 0
    while line := await reader.readline():
        if b'"finish_reason":null' in line and b'"role"' not in line:
            last = loop.time()
            first = first or last
            tokens += 1
    writer.close()
    return Seen(id, status, tokens, first - began, (last - first) / max(tokens - 1, 1))
