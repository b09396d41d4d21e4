"""A world with one ModelDeployment in it."""

import pytest

from paceline.kube import resync as resync_module
from tests.support.apiserver import FakeApiServer
from tests.support.story import Story
from tests.support.worlds import client, model


@pytest.fixture
async def world(tmp_path, monkeypatch):
    monkeypatch.setattr(resync_module, "_GRACE_SECONDS", 0.01)
    async with FakeApiServer().running() as server, client(server, tmp_path) as api:
        server.put(model())
        story = Story(server, api)
        yield story
        await story.visits.close()
