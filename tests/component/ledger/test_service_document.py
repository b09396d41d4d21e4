"""What translations tell the ledger is what the running service takes, and answers by."""

from __future__ import annotations

import json

import pytest

from paceline.api.ledger_config import LedgerConfig
from paceline.gateway.document import document
from paceline.gateway.translate import translate
from tests.support.golden import ROOT
from tests.support.ledger import NOW
from tests.support.ledger_service import Clock, replicas
from tests.support.translating import World

CASES = sorted(path.parent.name for path in (ROOT / "gateway-translate").glob("*/in.yaml"))


def translated(case):
    world = World((ROOT / "gateway-translate" / case / "in.yaml").read_text())
    return translate(world.observation, world.secrets)


@pytest.fixture
async def desk(url, tmp_path):
    async with replicas(url, tmp_path, now_us=Clock(NOW)) as (one,):
        yield one


async def test_every_translation_is_taken_as_it_is_written(desk):
    before = None
    for generation, case in enumerate(CASES, 1):
        config = document([translated(case).terms], before)
        assert config.generation == generation
        answer = await desk.configure(json.loads(config.model_dump_json(by_alias=True)))
        assert (answer.status, answer.text) == (200, json.dumps({"generation": generation}, separators=(",", ":")))
        assert desk.service.book.generation == generation
        before = LedgerConfig.model_validate_json(config.model_dump_json(by_alias=True))
        assert before == config


async def test_consumers_of_a_translation_are_known_by_the_ids_of_its_keys(desk):
    found = translated("admission")
    assert await answered(desk, found, "ml/public") == {
        ("few-at-a-time", "free"): 200,
        ("few-at-a-time", "full"): 200,
        ("hard", "free"): 200,
        ("hard", "full"): (403, "model_not_priced"),
        ("soft", "free"): 200,
        ("soft", "full"): 200,
    }


async def answered(desk, found, gateway):
    """What each of the keys gets for some models."""
    config = document([found.terms])
    # The token of the usual pod is for another gateway.
    told = json.loads(config.model_dump_json(by_alias=True).replace(f'"{gateway}"', '"platform/public"'))
    assert (await desk.configure(told)).status == 200
    answers = {}
    for key in found.gateway.keys:
        for model in ("free", "full"):
            answer = await desk.admit(f"{key.consumer}-{model}", client=key.client, model=model)
            answers[key.consumer, model] = answer.status if answer.status == 200 else answer.error
    return answers
