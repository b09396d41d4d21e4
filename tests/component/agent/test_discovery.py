"""Addresses on a stream: what is said to Envoy, frame by frame."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import pytest

from paceline.agent import wire
from paceline.agent.discovery import Discovery
from paceline.agent.http2 import Connection

KIND = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, WINDOW = 0, 1, 3, 4, 6, 8


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def assignment(name: str, *addresses: str) -> str:
    servers = [
        {"endpoint": {"address": {"socket_address": {"address": each, "port_value": 8000}}}} for each in addresses
    ]
    return json.dumps({"resources": [{"cluster_name": name, "endpoints": [{"lb_endpoints": servers}]}]})


def asking(*more: str, less: tuple[str, ...] = (), kind: str = KIND, extra: bytes = b"") -> bytes:
    names = b"".join([wire.text(3, each) for each in more] + [wire.text(4, each) for each in less])
    message = wire.message(1, wire.text(1, "public")) + wire.text(2, kind) + names + extra
    return struct.pack(">BI", 0, len(message)) + message


def tree(body: bytes) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for number, value in wire.fields(body):
        found.setdefault(number, []).append(value)
    return found


class Envoy:
    """The other side of one connection."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = dict(files)
        self.discovery = Discovery(lambda: self.files)
        self.connection = self.discovery._connect()
        self.written = bytearray()
        self.aborted = False
        self.connection.connection_made(self)  # type: ignore[arg-type]

    def write(self, data: bytes) -> None:
        self.written += data

    def abort(self) -> None:
        self.aborted = True
        self.connection.connection_lost(None)

    def say(self, *frames: bytes) -> None:
        for each in frames:
            self.connection.data_received(each)

    def frames(self) -> list[tuple[int, int, int, bytes]]:
        found = []
        while self.written:
            size = int.from_bytes(self.written[:3])
            kind, flags, stream = self.written[3], self.written[4], int.from_bytes(self.written[5:9])
            found.append((kind, flags, stream, bytes(self.written[9 : 9 + size])))
            del self.written[: 9 + size]
        return found

    def told(self) -> dict[str, list[str]]:
        """Addresses of what was sent since the last look, by name."""
        data = b"".join(payload for kind, _, _, payload in self.frames() if kind == DATA)
        found = {}
        while data:
            (size,) = struct.unpack_from(">I", data, 1)
            body, data = tree(data[5 : 5 + size]), data[5 + size :]
            assert body[4] == [KIND.encode()]
            for one in body[2]:
                resource = tree(one)
                given = tree(tree(resource[2][0])[2][0])
                assert given[1] == resource[3]
                sockets = [tree(tree(tree(tree(each)[1][0])[1][0])[1][0]) for each in tree(given[2][0]).get(2, [])]
                assert all(each[3] == [8000] for each in sockets)
                found[resource[3][0].decode()] = [each[2][0].decode() for each in sockets]
        return found


@pytest.fixture
def envoy() -> Envoy:
    made = Envoy({"eds/a.json": assignment("a", "10.0.0.1", "10.0.0.2"), "eds/b.json": assignment("b", "::1")})
    made.say(PREFACE, frame(SETTINGS, 0, 0), frame(HEADERS, 4, 1, b"\x83"))
    return made


def test_what_is_asked_for_is_told_and_then_each_change_of_it(envoy: Envoy) -> None:
    envoy.say(frame(DATA, 0, 1, asking("eds/a.json", "eds/gone.json")))
    assert envoy.told() == {"eds/a.json": ["10.0.0.1", "10.0.0.2"]}
    envoy.files |= {"eds/a.json": assignment("a", "10.0.0.3"), "eds/b.json": assignment("b", "::2")}
    envoy.discovery.changed(["eds/a.json", "eds/b.json"])
    assert envoy.told() == {"eds/a.json": ["10.0.0.3"]}
    envoy.files["eds/gone.json"] = assignment("gone", "10.0.0.9")
    envoy.discovery.changed(["eds/gone.json"])
    assert envoy.told() == {"eds/gone.json": ["10.0.0.9"]}
    envoy.say(frame(DATA, 0, 1, asking(less=("eds/a.json",))))
    envoy.discovery.changed(["eds/a.json"])
    assert envoy.told() == {}


def test_another_kind_of_resource_is_not_known_and_no_reason_to_end(envoy: Envoy) -> None:
    envoy.say(frame(DATA, 0, 1, asking("eds/a.json", kind="type.googleapis.com/envoy.config.cluster.v3.Cluster")))
    assert envoy.told() == {}
    assert not envoy.aborted


def test_what_envoy_does_not_take_is_said(envoy: Envoy, caplog: pytest.LogCaptureFixture) -> None:
    error = wire.message(7, wire.number(1, 13), wire.text(2, "malformed IP address"))
    envoy.say(frame(DATA, 0, 1, asking(extra=error)))
    assert "malformed IP address" in caplog.text


def test_messages_in_pieces_and_with_padding_are_read(envoy: Envoy) -> None:
    message = asking("eds/b.json")
    padded = bytes([3]) + message[7:] + bytes(3)
    for byte in frame(DATA, 0, 1, message[:7]) + frame(DATA, 8, 1, padded):
        envoy.say(bytes([byte]))
    assert envoy.told() == {"eds/b.json": ["::1"]}


def test_no_more_is_sent_than_envoy_takes(envoy: Envoy) -> None:
    envoy.say(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 100)))
    envoy.files["eds/a.json"] = assignment("a", *(f"10.0.{each}.1" for each in range(200)))
    envoy.frames()
    envoy.say(frame(DATA, 0, 1, asking("eds/a.json")))
    first = [payload for kind, _, _, payload in envoy.frames() if kind == DATA]
    assert sum(map(len, first)) == 100
    envoy.say(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 50)))
    assert not [each for each in envoy.frames() if each[0] == DATA]
    envoy.say(frame(WINDOW, 0, 1, struct.pack(">I", 1 << 20)))
    second = [payload for kind, _, _, payload in envoy.frames() if kind == DATA]
    envoy.written += frame(DATA, 0, 1, b"".join(first + second))
    assert len(envoy.told()["eds/a.json"]) == 200


def test_much_is_sent_in_frames_that_envoy_takes(envoy: Envoy) -> None:
    envoy.files["eds/a.json"] = assignment("a", *(f"10.{each // 250}.{each % 250}.1" for each in range(3000)))
    envoy.frames()
    envoy.say(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 24)), frame(DATA, 0, 1, asking("eds/a.json")))
    first = [payload for kind, _, _, payload in envoy.frames() if kind == DATA]
    assert sum(map(len, first)) == 65_535
    assert max(map(len, first)) == 16_384
    envoy.say(frame(WINDOW, 0, 0, struct.pack(">I", 1 << 20)))
    assert [each for each in envoy.frames() if each[0] == DATA]


def test_pings_are_answered_and_what_is_read_is_given_back(envoy: Envoy) -> None:
    envoy.frames()
    envoy.say(frame(PING, 0, 0, b"12345678"), frame(DATA, 0, 1, asking("eds/none.json")))
    size = struct.pack(">I", len(asking("eds/none.json")))
    assert envoy.frames() == [(PING, 1, 0, b"12345678"), (WINDOW, 0, 0, size), (WINDOW, 0, 1, size)]


@pytest.mark.parametrize("end", [frame(RESET, 0, 1, bytes(4)), frame(DATA, 1, 1)])
def test_nobody_is_told_after_the_end_of_a_stream(envoy: Envoy, end: bytes) -> None:
    envoy.say(frame(DATA, 0, 1, asking("eds/a.json")), end)
    envoy.told()
    envoy.discovery.changed(["eds/a.json"])
    assert (envoy.told(), envoy.discovery._sessions) == ({}, set())


@pytest.mark.parametrize(
    "wrong",
    [
        frame(DATA, 0, 1, struct.pack(">BI", 1, 1) + b"x"),
        frame(DATA, 0, 1, struct.pack(">BI", 0, 1 << 30)),
        frame(DATA, 0, 1, struct.pack(">BI", 0, 1) + b"\x0b"),
        frame(DATA, 0, 1, struct.pack(">BI", 0, 2) + b"\x12\x7f"),
        frame(DATA, 0, 1, struct.pack(">BI", 0, 11) + b"\x80" * 11),
        frame(SETTINGS, 0, 0, b"123"),
        (1 << 20).to_bytes(3) + bytes(6),
    ],
    ids=["packed", "huge message", "unknown kind", "beyond the end", "long number", "settings", "huge frame"],
)
def test_what_is_none_ends_the_connection_and_nothing_else(
    envoy: Envoy, wrong: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    envoy.say(wrong)
    assert envoy.aborted
    assert "a connection of Envoy is ended" in caplog.text


def test_another_protocol_is_not_spoken() -> None:
    envoy = Envoy({})
    envoy.say(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
    assert envoy.aborted
    assert isinstance(envoy.connection, Connection)
