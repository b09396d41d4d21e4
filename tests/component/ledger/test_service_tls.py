"""TLS: the certificate that is shown follows its files, and replicas trust only their own authority."""

from __future__ import annotations

import asyncio
import logging
import ssl

import aiohttp
import pytest

from paceline.errors import Stalled
from paceline.ledger.service.certificate import Certificate, authority
from tests.support.certificates import certificate_for
from tests.support.ledger import NOW
from tests.support.ledger_config import DEPLOYMENT, a_config, a_deployment, a_gateway, a_route
from tests.support.ledger_service import Clock, eventually, replicas


def written(folder, name="localhost"):
    """A certificate and its key; the certificate's bytes."""
    folder.mkdir(exist_ok=True)
    certificate, key = certificate_for(name)
    for place, data in (("tls.crt", certificate), ("tls.key", key)):
        (folder / "new").write_bytes(data)
        (folder / "new").rename(folder / place)
    return certificate


async def shown(port):
    """The certificate that a new connection is shown, as PEM."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return ssl.DER_cert_to_PEM_cert(found)


async def becomes(port, certificate):
    async def look():
        return await shown(port) == certificate.decode()

    await eventually(look, 5, "that certificate")


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/ledger.db"


async def test_an_exchanged_certificate_is_shown_without_a_restart(url, tmp_path, caplog):
    folder = tmp_path / "tls"
    first = written(folder)
    async with replicas(url, tmp_path, now_us=Clock(NOW), tls=folder) as (desk,):
        await becomes(desk.port, first)
        second = written(folder)
        await becomes(desk.port, second)
        caplog.clear()
        caplog.set_level(logging.ERROR)
        (folder / "tls.key").write_bytes(b"none")

        async def said():
            return "The certificate that was read before is shown." in caplog.text

        await eventually(said, 5, "the fault to be said")
        assert await shown(desk.port) == second.decode()
        assert "none" not in caplog.text
        third = written(folder)
        await becomes(desk.port, third)


async def test_plain_http_is_not_answered_there(url, tmp_path):
    written(tmp_path / "tls")
    async with replicas(url, tmp_path, now_us=Clock(NOW), tls=tmp_path / "tls") as (desk,):
        with pytest.raises(aiohttp.ClientError):
            await desk.session.get(f"http://127.0.0.1:{desk.port}/healthz")
        trusted = authority(tmp_path / "tls" / "tls.crt")
        async with desk.session.get(f"https://localhost:{desk.port}/healthz", ssl=trusted) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("trusted", [True, False])
async def test_replicas_ask_each_other_where_they_trust_the_others_authority(url, tmp_path, trusted, caplog):
    """Without that, each keeps the queue itself."""
    written(tmp_path / "tls")
    written(tmp_path / "other")
    ca_file = tmp_path / ("tls" if trusted else "other") / "tls.crt"
    more = {"tls": tmp_path / "tls", "ca_file": ca_file, "now_us": Clock(NOW)}
    async with replicas(url, tmp_path, 2, **more) as desks:
        route = a_route(deployment=DEPLOYMENT, waiting={"maxSeconds": 1, "maxRequests": 9})
        document = a_config(gateways=[a_gateway(route)], deployments=[a_deployment(capacityPerEngine=8)])
        for number, desk in enumerate(desks):
            assert (await desk.configure(document)).status == 200
            assert (await desk.admit(f"r{number}")).status == 200
        kept = [desk.service.rooms.names for desk in desks]
        assert sorted(map(len, kept)) == ([0, 1] if trusted else [1, 1])
        assert ("cannot be asked for a place" in caplog.text) == (not trusted)


@pytest.mark.parametrize("lacking", ["tls.crt", "tls.key"])
def test_a_folder_without_a_pair_is_said_at_once(tmp_path, lacking):
    written(tmp_path)
    (tmp_path / lacking).write_text("secret words")
    with pytest.raises(Stalled, match=r"tls\.crt and tls\.key that fit together") as wrong:
        Certificate(tmp_path)
    assert "secret words" not in str(wrong.value)
    (tmp_path / lacking).unlink()
    with pytest.raises(Stalled, match="No such file"):
        Certificate(tmp_path)


def test_an_authority_that_is_none_is_said_at_once(tmp_path):
    (tmp_path / "ca.crt").write_text("none")
    for path in (tmp_path / "ca.crt", tmp_path / "missing"):
        with pytest.raises(Stalled, match="no certificate of an authority"):
            authority(path)
    assert authority(None) is True
