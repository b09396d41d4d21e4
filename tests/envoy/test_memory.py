"""Memory stays bounded when the largest bodies come from many clients at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp

from paceline.gateway.ir import Limits, Listener
from tests.support.door import CHAT, SECRETS, Door
from tests.support.envoy import LOOPBACK, Running, free_ports, running
from tests.support.worlds import eventually

MIB = 1024 * 1024
HEAP, BODY, CLIENTS = 128 * MIB, 8 * MIB, 60


def resident(found: Running) -> int:
    """Bytes of the proxy in memory."""
    status = Path(f"/proc/{found.proxy.process.pid}/status").read_text()
    return 1024 * int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


async def pieces(body: bytes) -> AsyncIterator[bytes]:
    """A body that comes slowly enough for all of them to be there at once."""
    for at in range(0, len(body), BODY // 8):
        yield body[at : at + BODY // 8]
        await asyncio.sleep(0.1 if at else 0)


async def test_large_bodies_of_many_are_refused_rather_than_kept(door: Door, tmp_path: Path) -> None:
    body = json.dumps({"model": "public-b", "messages": [{"role": "user", "content": "x" * BODY}]}).encode()
    headers = {"authorization": f"Bearer {SECRETS['public']}", "content-type": "application/json"}
    port, admin = free_ports(2)
    limits = Limits(max_request_bytes=2 * BODY, heap_bytes=HEAP)
    gateway = replace(door.running.gateway, listener=Listener(port, LOOPBACK, limits=limits), admin_port=admin)
    peak = 0
    with running(gateway, SECRETS, tmp_path / "small") as found:

        async def send() -> int:
            nonlocal peak
            async with door.client.post(found.url + CHAT, data=pieces(body), headers=headers) as response:
                peak = max(peak, resident(found))
                if response.status != 200:
                    assert (response.status, (await response.json())["error"]["code"]) == (503, "overloaded")
                    assert "retry-after" in response.headers
                return response.status

        results = await asyncio.gather(*(send() for _ in range(CLIENTS)), return_exceptions=True)
        broken = [each for each in results if not isinstance(each, int | aiohttp.ClientError | ConnectionError)]
        assert not broken
        assert results.count(503) > CLIENTS / 4
        assert peak < 3 * HEAP

        async def served() -> bool:
            body = {"model": "public-b", "messages": []}
            async with door.client.post(found.url + CHAT, json=body, headers=headers) as response:
                return response.status == 200

        await eventually(served, 20)
