"""No connection of a fetch leads home, however it is spelt."""

from __future__ import annotations

import asyncio
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from paceline.fetch.guard import Guard, RefusedAddressError

PRIVATE = [
    "127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",  # noqa: S104
    "255.255.255.255", "224.0.0.1", "240.0.0.1", "192.0.2.1", "198.18.0.1",
    "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00::1", "ff02::1", "2001:db8::1",
    "168.63.129.16", "192.0.0.192", "100.100.100.200", "fec0::1", "::10.0.0.1", "64:ff9b:1::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_refused(address: str) -> None:
    with pytest.raises(RefusedAddressError, match="SourceRefused"):
        Guard().check((address, 443))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_are_not(address: str) -> None:
    Guard().check((address, 443))


@pytest.mark.parametrize("address", ["/run/containerd.sock", b"\0abstract", ("localhost", 80), ("", 80), (), None])
def test_what_is_no_address_is_refused(address: object) -> None:
    with pytest.raises(RefusedAddressError):
        Guard().check(address)


def test_a_network_that_the_administrator_allows_may_be_used() -> None:
    guard = Guard(["10.8.0.0/16", "fd00:8::/32"])
    guard.check(("10.8.1.1", 9000))
    guard.check(("fd00:8::1", 9000))
    guard.check(("::ffff:10.8.1.1", 9000))
    with pytest.raises(RefusedAddressError):
        guard.check(("10.9.0.1", 9000))


@pytest.fixture
def server() -> Iterator[tuple[int, list[str]]]:
    """Something at home that must never be asked."""
    asked: list[str] = []

    class Home(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Home)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made.server_address[1], asked
    made.shutdown()
    thread.join()
    made.server_close()


#: One line each, in a process of its own, for a hook stays.
CLIENTS = {
    "httpx": "import httpx; httpx.get(url)",
    "aiohttp": "import asyncio, aiohttp\nasync def go():\n async with aiohttp.request('GET', url): pass\n"
    "asyncio.run(go())",
    "urllib": "import urllib.request; urllib.request.urlopen(url)",
    "socket": "import socket; socket.create_connection((host, port))",
    "connect_ex": "import socket; s = socket.socket(); s.settimeout(2); print(s.connect_ex((host, port)))",
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433", "017700000001"])
def test_no_library_gets_through_by_any_spelling(client: str, host: str, server: tuple[int, list[str]]) -> None:
    port, asked = server
    program = (
        f"from paceline.fetch.guard import Guard; Guard().install()\nhost, port = {host!r}, {port}\n"
        f"url = f'http://{{host}}:{{port}}/'\n{CLIENTS[client]}"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0, done.stdout
    assert asked == []


@pytest.mark.parametrize("call", ["subprocess.run(['true'])", "os.system('true')", "os.fork()"])
def test_no_program_is_started_that_could_connect_unseen(call: str) -> None:
    program = f"import os, subprocess\nfrom paceline.fetch.guard import Guard; Guard().install()\n{call}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert "SourceRefused" in done.stderr


def test_the_fixture_can_be_asked_at_all(server: tuple[int, list[str]]) -> None:
    """Or the tests above could not fail."""
    port, asked = server

    async def ask() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /there HTTP/1.0\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    asyncio.run(ask())
    for _ in range(100):
        if asked:
            break
        threading.Event().wait(0.02)
    assert asked == ["/there"]
