"""Tokens by file, and what engines say of themselves."""

from __future__ import annotations

import hashlib
import json

import aiohttp
import pytest

from paceline.api.ledger_config import LedgerDeployment
from paceline.decide.queue import Ticket
from paceline.errors import Stalled
from paceline.ledger.service.engines import Pages
from paceline.ledger.service.owners import asked, question
from paceline.ledger.service.verifier import TokenFile
from tests.support.enginesim import in_loop
from tests.support.ledger_config import GATEWAY, a_deployment

TOKEN = "a-token"


def entry(**changes):
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    return {"name": "pod-1", "sha256": digest, "scopes": ["gateway"], "gateway": GATEWAY, "shipper": "pod-1"} | changes


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "tokens.json"
    found.write_text(json.dumps([entry()]))
    return found


async def test_who_has_a_token_is_known_by_its_digest(path):
    found = await TokenFile(path).verify(TOKEN)
    assert (found.name, found.gateway, found.shipper, found.scopes) == ("pod-1", GATEWAY, "pod-1", {"gateway"})
    assert await TokenFile(path).verify("another") is None
    assert await TokenFile(path).verify(entry()["sha256"]) is None


async def test_a_changed_file_is_read_and_a_broken_or_missing_one_leaves_the_last(path, caplog):
    tokens = TokenFile(path)
    path.write_text("[{]")
    assert await tokens.verify(TOKEN)
    assert "The tokens that were known before are in force" in caplog.text
    path.unlink()
    assert await tokens.verify(TOKEN)
    path.write_text("[]")
    assert await tokens.verify(TOKEN) is None


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        ([entry(sha256="secret-canary")], "0.sha256"),
        ([entry(scopes=[])], "0.scopes"),
        ([entry(scopes=["everything"])], "scopes"),
        ([entry(token="secret-canary")], "0.token"),
        ({}, "list"),
        ([entry(shipper="")], "give gateway and shipper"),
    ],
)
def test_a_wrong_file_is_told_without_what_is_in_it(path, entries, named):
    path.write_text(json.dumps(entries))
    with pytest.raises(Stalled) as caught:
        TokenFile(path)
    assert named in str(caught.value)
    assert "canary" not in str(caught.value)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(Stalled, match="cannot be read"):
        TokenFile(tmp_path / "none")


async def test_engines_say_what_they_have(tmp_path):
    """One engine answers, of the other nothing is known; without any there is no figure."""
    async with in_loop(tmp_path / "truth.jsonl") as engine, aiohttp.ClientSession() as session:
        pages = Pages(session)
        one = LedgerDeployment.model_validate(a_deployment(engineUrls=[engine.url, "http://127.0.0.1:1"]))
        assert await pages.in_flight(one) == 0
        client = engine.client()
        stream = await client.completions.create(model="test-model", prompt="a", max_tokens=500, stream=True)
        assert await pages.in_flight(one) == 1
        await stream.close()
        gone = LedgerDeployment.model_validate(a_deployment(engineUrls=["http://127.0.0.1:1"]))
        assert await pages.in_flight(gone) is None
        await client.close()


async def test_a_question_for_a_place_keeps_the_time_that_is_left():
    ticket = Ticket("r1", "shop/acme", 3, 10**15, 5, 7)
    deployment, found = asked(json.loads(json.dumps(question("ml/a", ticket))))
    assert deployment == "ml/a"
    assert 0 <= found.deadline_us - ticket.deadline_us < 1_000_000
    assert (found.request_id, found.priority, found.hold_us, found.most_waiting) == ("r1", 3, 5, 7)


@pytest.mark.parametrize("document", [[], {}, {"deployment": "a"}, {"deployment": "a", "ticket": {"deadline_us": 1}}])
async def test_a_question_that_is_none_is_refused(document):
    with pytest.raises(ValueError, match=r"question|ticket|dictionary|missing|valid"):
        asked(document)
