"""What an agent holds, and what it takes for a program or addresses at all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paceline.agent.files import Folder, put
from paceline.agent.held import Addresses, Held, Numbered, Refused, addresses
from paceline.gateway.snapshot import Program, program, write
from tests.support.neutral import SECRETS, full

MADE, FILES = program(full(), SECRETS, {}, "/f")
NOWHERE = Addresses("", {})
#: The operator's, who may say more than this agent reads.
DIGEST = "0a" * 32
SECRET = "pl_not-a-real-key-acme-0001"


def sent(made: Program = MADE, generation: Any = 7) -> bytes:
    return b'{"generation":%s,"digest":"%s","program":%s}' % (str(generation).encode(), DIGEST.encode(), write(made))


def test_what_is_held_is_there_after_a_start_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    held = Held(tmp_path, "ns/public")
    assert (held.program, held.addresses, held.refused, held.known) == (None, NOWHERE, None, (0, ""))
    held.keep(held.numbered(sent()))
    held.move(Addresses("e-1", FILES))
    held.refuse(Refused(9, "d", "Envoy's words"))
    again = Held(tmp_path, "ns/public")
    assert again.program == Numbered(7, MADE, DIGEST)
    assert (again.addresses.files, again.refused) == (held.addresses.files, held.refused)
    assert again.addresses.version == "", "all is asked for anew"
    assert again.known == (9, "d")
    again.refuse(None)
    assert Held(tmp_path, "ns/public").known == (7, DIGEST)
    assert {oct(each.stat().st_mode)[-3:] for each in (tmp_path / "agent").rglob("*.json")} == {"600"}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'{"generation":1}',
        sent(generation=0),
        sent(generation="-1"),
        sent()[:-1],
        sent()[:-2] + b"}",
        sent(replace(MADE, gateway="ns/other")),
        sent(replace(MADE, files={"../evil": SECRET})),
        sent(replace(MADE, files={"/etc/passwd": SECRET})),
        sent(replace(MADE, files={"agent/program.json": SECRET})),
        sent(replace(MADE, files={".hidden": SECRET})),
        sent(replace(MADE, files={"eds/a.json": SECRET})),
    ],
)
def test_what_is_no_program_of_this_gateway_is_refused_without_its_content(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(ValueError) as wrong:  # noqa: PT011 - each has its own words
        Held(tmp_path, "ns/public").numbered(text)
    assert SECRET not in str(wrong.value)


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"version": 1, "files": {}},
        {"version": "a", "files": {"rds.json": "x"}},
        {"version": "a", "files": {"eds/../x": "y"}},
        {"version": "a", "files": {}, "since": "b", "gone": ["rds.json"]},
    ],
)
def test_what_is_no_addresses_is_refused(found: Any) -> None:
    with pytest.raises(ValueError, match="addresses"):
        addresses(json.dumps(found).encode())


def test_a_change_of_addresses_changes_what_is_held_and_nothing_else(tmp_path: Path) -> None:
    held = Held(tmp_path, "ns/public")
    held.move(held.difference(Addresses("e-1", {"peers.json": "p", "eds/a.json": "1", "eds/b.json": "1"})))
    told = addresses(
        b'{"version":"e-2","since":"e-1","files":{"eds/a.json":"2","peers.json":"p"},"gone":["eds/b.json"]}'
    )
    change = held.difference(told)
    assert (dict(change.files), change.gone) == ({"eds/a.json": "2"}, ("eds/b.json",))
    held.move(change)
    assert held.addresses == Addresses("e-2", {"peers.json": "p", "eds/a.json": "2"})
    assert Held(tmp_path, "ns/public").addresses.files == held.addresses.files
    with pytest.raises(ValueError, match="a change of version 'e-1'"):
        held.difference(told)
    whole = held.difference(Addresses("f-1", {"peers.json": "p"}))
    assert (dict(whole.files), whole.gone) == ({}, ("eds/a.json",))


@pytest.mark.parametrize("name", ["program.json", "refused.json"])
@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"null"])
def test_a_file_that_was_spoilt_is_as_none(tmp_path: Path, name: str, text: bytes) -> None:
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / name).write_bytes(text)
    held = Held(tmp_path, "ns/public")
    assert (held.program, held.addresses, held.refused) == (None, NOWHERE, None)


def test_the_agent_s_own_files_and_half_written_ones_are_none_of_envoy_s(tmp_path: Path) -> None:
    put(tmp_path / "rds.json", "a")
    put(tmp_path / "eds/x.json", "b\ud800")
    put(tmp_path / "agent/program.json", "c")
    (tmp_path / ".rds.json.new").write_text("half")
    assert Folder(tmp_path).present() == {"rds.json": "a", "eds/x.json": "b\ud800"}
