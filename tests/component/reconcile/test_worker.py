import asyncio
import logging

import pytest

from paceline.errors import Conflict, Fenced, Stalled, TooManyRequests, Transient, Waiting
from paceline.kube.backoff import Backoff
from paceline.kube.probes import Health
from paceline.kube.queue import KeyedQueue
from paceline.kube.resources import Key
from paceline.reconcile import worker as module
from paceline.reconcile.outcome import Outcome
from paceline.reconcile.worker import beat, guarded, work
from tests.support.worlds import Clock, eventually

KEY = Key("ml", "chat")


async def outcome_of(error):
    async def reconcile(_):
        raise error

    return await guarded("ModelDeployment", KEY, reconcile)


@pytest.mark.parametrize(
    ("error", "failed", "level"),
    [
        (Transient("NetworkError", "x"), True, "WARNING"),
        (Conflict("Conflict", "x"), True, "INFO"),
        (Waiting("QuotaExceeded", "x"), True, "INFO"),
        (Stalled("InvalidSpec", "x"), False, "WARNING"),
        (Fenced("NotLeader", "x"), False, "INFO"),
    ],
)
async def test_the_type_of_an_error_decides_whether_it_is_tried_again_and_how_loud_it_is(caplog, error, failed, level):
    caplog.set_level(logging.INFO)
    outcome = await outcome_of(error)
    assert (outcome.result, outcome.failed) == (error.reason, failed)
    (record,) = caplog.records
    assert (record.levelname, record.name_of, record.namespace) == (level, "chat", "ml")


async def test_the_server_decides_how_long_to_wait():
    outcome = await outcome_of(TooManyRequests("x", 7.0))
    assert (outcome.failed, outcome.again_after) == (True, 7.0)


async def test_a_bug_hurts_one_object_and_leaves_its_trace_in_the_log(caplog):
    outcome = await outcome_of(KeyError("oops"))
    assert (outcome.result, outcome.failed) == ("Bug", True)
    assert caplog.records[0].exc_info


async def test_a_reconcile_that_hangs_is_let_go(monkeypatch):
    monkeypatch.setattr(module, "RECONCILE_SECONDS", 0.05)

    async def reconcile(_):
        await asyncio.Event().wait()
        return Outcome()

    assert (await guarded("ModelDeployment", KEY, reconcile)).result == "Timeout"


async def test_one_key_is_never_reconciled_twice_at_once():
    queue: KeyedQueue[Key] = KeyedQueue(backoff=Backoff(first=0.01))
    running, most, seen, pause = 0, 0, 0, 0.01

    async def reconcile(_):
        nonlocal running, most, seen
        running += 1
        most = max(most, running)
        await asyncio.sleep(pause)
        running -= 1
        seen += 1
        return Outcome()

    workers = [asyncio.create_task(work("ModelDeployment", queue, reconcile, lambda: True)) for _ in range(4)]
    for _ in range(20):
        queue.add(KEY)
        await asyncio.sleep(pause / 3)
    await eventually(lambda: queue.idle.is_set() and not len(queue))
    assert (most, seen < 20) == (1, True)
    queue.close()
    await asyncio.gather(*workers, return_exceptions=True)


async def test_a_process_that_does_not_lead_reconciles_nothing():
    queue: KeyedQueue[Key] = KeyedQueue()
    asked = []

    async def reconcile(key):
        asked.append(key)
        return Outcome()

    task = asyncio.create_task(work("ModelDeployment", queue, reconcile, lambda: False))
    queue.add(KEY)
    await eventually(lambda: not len(queue) and queue.idle.is_set())
    assert asked == []
    assert not task.done()
    queue.close()
    await asyncio.gather(task, return_exceptions=True)


async def test_workers_that_take_nothing_fall_silent(monkeypatch):
    monkeypatch.setattr(module, "_BEAT_SECONDS", 0.01)
    clock = Clock()
    health, queue = Health(clock=clock), KeyedQueue(clock=clock)
    task = asyncio.create_task(beat(health, [queue]))
    await eventually(lambda: "workers" in health._beats)
    queue.add(KEY)
    clock.forward(200)
    await eventually(lambda: health.silent() == ["workers: silent for 200 s, more than 120 s"])
    task.cancel()
