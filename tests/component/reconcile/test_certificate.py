"""The certificate that agents are shown: made and renewed by who leads, shown by everybody."""

from __future__ import annotations

import asyncio
import base64
import logging
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from paceline.errors import Waiting
from paceline.kube.client import Api
from paceline.reconcile.certificate import Certificate
from paceline.settings import OperatorSettings
from paceline.snapshots import issuing
from tests.support.apiserver import FakeApiServer, Fault
from tests.support.certificates import certificate_for
from tests.support.worlds import Closed, client, configuration

HOST, LEDGER = "paceline-operator.paceline-system.svc", "paceline-ledger.paceline-system.svc"
NAME = "paceline-tls"


class World:
    def __init__(self, server: FakeApiServer, api: Api, follower: Api) -> None:
        self.server = server
        self.at = datetime.now(UTC)
        self.given: dict[str, Any] = {"tlsSecret": NAME}
        self.leader = Certificate(api, self.settings, lambda: True, lambda: self.at)
        self.follower = Certificate(follower, self.settings, lambda: False, lambda: self.at)

    def settings(self) -> OperatorSettings:
        return OperatorSettings.model_validate(configuration(gateways=self.given))

    def secret(self, name: str = NAME) -> dict[str, bytes]:
        found = self.server.get("Secret", "ml", name)
        assert found is not None
        return {key: base64.b64decode(value) for key, value in found["data"].items()}

    @property
    def shown(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.secret()["tls.crt"])


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with (
        FakeApiServer().running() as server,
        client(server, tmp_path) as api,
        client(server, tmp_path, Closed()) as follower,
    ):
        yield World(server, api, follower)


async def greeted(certificate: Certificate, authority: str, host: str = HOST) -> bytes:
    """What a client sees that trusts the authority, as DER."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=certificate.context)
    async with server:
        trusting = ssl.create_default_context(cadata=authority)
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname=host)
        found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return found


async def test_the_leader_makes_a_certificate_which_clients_of_both_services_trust(world: World) -> None:
    with pytest.raises(Waiting, match="is not there yet"):
        world.leader.authority  # noqa: B018 - it raises
    await world.leader.look()
    assert world.leader.there.is_set()
    for host in (HOST, LEDGER):
        assert await greeted(world.leader, world.leader.authority, host)
    with pytest.raises(ssl.SSLCertVerificationError):
        await greeted(world.leader, world.leader.authority, "other.svc")
    assert set(world.secret()) == {"tls.crt", "tls.key", "ca.crt"}
    signing = world.secret(f"{NAME}-ca")
    assert signing["tls.crt"] == world.secret()["ca.crt"]
    assert signing["tls.key"] not in world.secret().values()
    before = len(world.server.writes())
    await world.leader.look()
    assert len(world.server.writes()) == before, "it is made once"


async def test_who_does_not_lead_shows_what_the_leader_made_and_writes_nothing(world: World) -> None:
    await world.follower.look()
    assert not world.follower.there.is_set()
    assert world.server.writes() == []
    await world.leader.look()
    written = len(world.server.writes())
    await world.follower.look()
    assert await greeted(world.follower, world.follower.authority) == await greeted(
        world.leader, world.leader.authority
    )
    world.at += timedelta(days=80)
    await world.follower.look()
    assert len(world.server.writes()) == written


async def test_it_is_renewed_in_time_under_the_same_authority_without_a_restart(world: World) -> None:
    world.at -= timedelta(days=61)
    await world.leader.look()
    await world.follower.look()
    first, authority = await greeted(world.follower, world.follower.authority), world.leader.authority
    world.at += timedelta(days=59)
    await world.leader.look()
    await world.follower.look()
    assert await greeted(world.follower, authority) == first
    world.at += timedelta(days=2)
    await world.leader.look()
    await world.follower.look()
    assert await greeted(world.follower, authority) != first
    assert world.leader.authority == authority
    assert world.shown.not_valid_after_utc > world.at + timedelta(days=89)


async def test_another_name_of_a_service_is_another_certificate(world: World) -> None:
    await world.leader.look()
    world.given = {**world.given, "operatorHost": "renamed.svc"}
    await world.leader.look()
    assert await greeted(world.leader, world.leader.authority, "renamed.svc")


async def test_an_authority_that_is_lost_or_old_is_made_anew_and_the_one_before_is_trusted_on(world: World) -> None:
    await world.leader.look()
    before = world.leader.authority
    world.server.remove(world.server.get("Secret", "ml", f"{NAME}-ca") or {})
    await world.leader.look()
    assert world.leader.authority.count("BEGIN CERTIFICATE") == 2
    assert before in world.leader.authority
    assert await greeted(world.leader, world.leader.authority)
    world.at += timedelta(days=3650 - 300)
    await world.leader.look()
    assert before not in world.leader.authority
    assert world.leader.authority.count("BEGIN CERTIFICATE") == 2


async def test_a_secret_that_is_not_ours_is_shown_and_left_alone(world: World) -> None:
    certificate, key = certificate_for(HOST)
    data = {"tls.crt": certificate, "tls.key": key, "ca.crt": certificate}
    body = {name: base64.b64encode(value).decode() for name, value in data.items()}
    world.server.put(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": NAME, "namespace": "ml"}, "data": body}
    )
    await world.leader.look()
    assert await greeted(world.leader, world.leader.authority)
    assert world.server.writes() == []


async def test_what_cannot_be_read_or_written_leaves_the_last_one_in_force_and_is_said_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    await world.leader.look()
    shown = await greeted(world.leader, world.leader.authority)
    world.server.faults.append(Fault(lambda call: "secrets" in call.path, times=2, status=403))
    await world.leader.look()
    await world.leader.look()
    live = world.server.get("Secret", "ml", NAME)
    assert live is not None
    world.server.put({**live, "data": {**live["data"], "tls.key": base64.b64encode(b"secret-none").decode()}})
    await world.follower.look()
    assert not world.follower.there.is_set()
    assert await greeted(world.leader, world.leader.authority) == shown
    said = [each for each in caplog.messages if "is not renewed" in each]
    assert len(said) == 2
    assert "secret-none" not in caplog.text
    await world.leader.look()
    await world.follower.look()
    assert world.follower.there.is_set(), "the leader has made another one"


async def test_what_others_mount_is_shown_and_renewed_without_a_restart(world: World, tmp_path: Path) -> None:
    world.given = {"tlsFolder": str(tmp_path)}
    with pytest.raises(Waiting, match=r"gateway\.tls"):
        world.leader.authority  # noqa: B018 - it raises
    await world.leader.look()
    assert not world.leader.there.is_set()
    for _ in range(2):
        certificate, key = certificate_for(HOST)
        for name, data in {"tls.crt": certificate, "tls.key": key, "ca.crt": certificate}.items():
            (tmp_path / name).write_bytes(data)
        await world.leader.look()
        seen = await greeted(world.leader, world.leader.authority)
        assert x509.load_der_x509_certificate(seen) == x509.load_pem_x509_certificate(certificate)
    assert world.server.writes() == []


@pytest.mark.parametrize("wrong", [issuing.Pair(b"", b""), issuing.Pair(b"x", b"y")])
def test_what_is_no_authority_signs_nothing(wrong: issuing.Pair) -> None:
    assert not issuing.authority_serves(wrong, datetime.now(UTC))
    with pytest.raises(ValueError, match="none"):
        issuing.issued(wrong, ["a"], datetime.now(UTC))
    made = issuing.authority(datetime.now(UTC))
    assert "PRIVATE" not in repr(made)
    assert not issuing.serves(wrong, made, ["a"], datetime.now(UTC))
    other = issuing.authority(datetime.now(UTC))
    assert not issuing.serves(issuing.issued(other, ["a"], datetime.now(UTC)), made, ["a"], datetime.now(UTC))
