import asyncio

import pytest

from paceline.kube import events as module
from paceline.kube.events import Events, Happening
from paceline.kube.resources import MODELDEPLOYMENTS, Key
from tests.support.apiserver import FakeApiServer, Fault
from tests.support.worlds import Clock, client, eventually


def happening(reason="Answering", message="1 of 1 replicas answer.", **changes):
    about = {
        "about": MODELDEPLOYMENTS,
        "key": Key("ml", "chat"),
        "uid": "u",
        "type": "Normal",
        "reason": reason,
        "message": message,
    }
    return Happening(**{**about, **changes})


@pytest.fixture
async def world(tmp_path):
    async with FakeApiServer().running() as server, client(server, tmp_path) as api:
        clock = Clock()
        events = Events(api, "op-1", clock=clock)
        posting = asyncio.create_task(events.run())
        yield server, events, clock
        posting.cancel()


async def test_an_event_names_the_object_the_reason_and_who_says_so(world):
    server, events, _ = world
    events.tell(happening(message="x" * 2000))
    (event,) = await eventually(lambda: server.all("Event"))
    assert event["involvedObject"]["name"] == "chat"
    assert event["involvedObject"]["kind"] == "ModelDeployment"
    assert (event["type"], event["reason"], event["reportingInstance"]) == ("Normal", "Answering", "op-1")
    assert len(event["message"]) == 1024


async def test_what_was_just_said_is_not_said_again(world):
    server, events, clock = world
    for _ in range(3):
        events.tell(happening())
    events.tell(happening(reason="EngineCrashing", type="Warning"))
    await eventually(lambda: len(server.all("Event")) == 2)
    clock.forward(601)
    events.tell(happening())
    await eventually(lambda: len(server.all("Event")) == 3)


async def test_an_event_that_cannot_be_posted_is_dropped_and_the_next_one_goes_out(world):
    server, events, _ = world
    server.faults = [Fault(lambda call: "events" in call.path, status=403)]
    events.tell(happening())
    events.tell(happening(reason="EngineCrashing"))
    (event,) = await eventually(lambda: server.all("Event"))
    assert event["reason"] == "EngineCrashing"


async def test_telling_never_waits(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_QUEUE", 2)
    async with FakeApiServer().running() as server, client(server, tmp_path) as api:
        clock = Clock()
        events = Events(api, "op-1", clock=clock)
        for number in range(5):
            events.tell(happening(message=str(number)))
        assert events._queue.qsize() == 2
        clock.forward(601)
        for number in range(5):
            events._said[str(number)] = 0.0
        events._queue.get_nowait()
        events.tell(happening(message="new"))
        assert len(events._said) == 1, "what was said long ago is forgotten"
