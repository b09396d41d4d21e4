import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from aiohttp import web

from paceline.decide.observation import PodView
from paceline.engines import MetricNames
from paceline.kube.answers import judge, question
from paceline.kube.resources import Key
from paceline.kube.scrape import Visits
from paceline.settings import Probe
from tests.support.worlds import eventually, stays

KEY = Key("ml", "chat")


class Engine:
    """An OpenAI server with counters."""

    def __init__(self):
        self.asked = []
        self.answered = 0
        self.broken = False
        self.hangs = False
        self.port = 0

    async def metrics(self, _):
        if self.broken:
            raise web.HTTPInternalServerError
        lines = [f'ttft_bucket{{le="{edge}"}} {self.answered}' for edge in ("0.1", "+Inf")]
        return web.Response(text="\n".join([*lines, f"ttft_sum {self.answered / 20}", f"ttft_count {self.answered}"]))

    async def complete(self, request):
        self.asked.append(await request.json())
        if self.hangs:
            await asyncio.Event().wait()
        if self.broken:
            return web.json_response({"error": {"message": "model is gone"}}, status=500)
        self.answered += 1
        return web.json_response({"choices": [{"text": "pong"}]})


class Now:
    def __init__(self):
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self):
        return self.at


@pytest.fixture
async def engine():
    made = Engine()
    app = web.Application()
    app.router.add_get("/metrics", made.metrics)
    app.router.add_post("/v1/completions", made.complete)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


@pytest.fixture
async def world(engine):
    changed, clock = [], Now()
    fast = SimpleNamespace(interval_seconds=0.05, timeout_seconds=0.5)
    visits = Visits(changed.append, lambda: fast, wall=clock)
    yield visits, changed, clock
    await visits.close()


def plan(engine, inference="OpenAI", metrics=True):
    names = MetricNames("/metrics", "ttft", "tpot") if metrics else None
    return SimpleNamespace(metrics=names, inference=inference, port=engine.port, task="Generate", served_name="chat")


def pod(name="p", **changes):
    return PodView(
        **{"name": name, "uid": f"uid-{name}", "revision": "r1", "ip": "127.0.0.1", "ready": True, **changes}
    )


async def test_an_engine_that_asks_for_a_key_is_not_asked_and_its_open_figures_are_read(engine, world):
    visits, _, _ = world
    engine.answered = 1
    visits.sync(KEY, plan(engine), "r1", [pod(locked=True)])
    await eventually(lambda: visits._memory.get(KEY))
    assert (engine.asked, visits.answers(KEY)) == ([], ())


async def test_an_idle_engine_is_asked_for_one_token_at_once_and_again(engine, world):
    visits, changed, _ = world
    visits.sync(KEY, plan(engine), "r1", [pod()])
    await eventually(lambda: len(engine.asked) >= 3)
    (answer,) = visits.answers(KEY)
    assert (answer.pod, answer.ok, answer.failures) == ("uid-p", True, 0)
    assert engine.asked[0] == {"model": "chat", "prompt": "ping", "max_tokens": 1, "temperature": 0, "stream": False}
    assert changed == [KEY], "only the first answer is news"


async def test_where_users_are_answered_nothing_is_asked(engine, world):
    visits, _, _ = world
    visits.sync(KEY, plan(engine), "r1", [pod()])
    await eventually(lambda: len(engine.asked) >= 2)

    async def users():
        while True:
            engine.answered += 5
            await asyncio.sleep(0.02)

    task = asyncio.create_task(users())
    await eventually(lambda: visits.latency(KEY))
    before = len(engine.asked)
    await stays(lambda: len(engine.asked) <= before + 1 and visits.answers(KEY)[0].ok, 0.4)
    task.cancel()


async def test_test_requests_leave_no_trace_in_the_figures_and_users_do(engine, world):
    visits, _, _ = world
    visits.sync(KEY, plan(engine), "r1", [pod()])
    await eventually(lambda: len(engine.asked) >= 4)
    assert visits.latency(KEY) is None
    engine.answered += 50
    view = await eventually(lambda: visits.latency(KEY))
    assert view.requests in (50, 51)


async def test_figures_are_announced_once_a_minute(engine, world):
    visits, changed, clock = world
    visits.sync(KEY, plan(engine), "r1", [pod()])
    await eventually(lambda: visits.answers(KEY))
    engine.answered += 50
    await eventually(lambda: len(changed) == 2)
    await stays(lambda: len(changed) == 2)
    clock.at += timedelta(seconds=61)
    await eventually(lambda: len(changed) == 3)


async def test_each_failure_is_news_and_counted(engine, world):
    visits, changed, _ = world
    engine.broken = True
    visits.sync(KEY, plan(engine), "r1", [pod()])
    await eventually(lambda: visits.answers(KEY) and visits.answers(KEY)[0].failures >= 2)
    assert "model is gone" in visits.answers(KEY)[0].message
    engine.broken = False
    await eventually(lambda: visits.answers(KEY)[0].ok)
    assert len(changed) >= 3


async def test_an_engine_that_cannot_be_reached_or_hangs_is_said_in_words(engine, world):
    visits, _, _ = world
    visits.sync(KEY, SimpleNamespace(**{**vars(plan(engine, metrics=False)), "port": 1}), "r1", [pod()])
    await eventually(lambda: visits.answers(KEY))
    assert "cannot be asked" in visits.answers(KEY)[0].message


async def test_a_hanging_engine_is_given_up_after_the_timeout(engine, world):
    visits, _, _ = world
    engine.hangs = True
    visits.sync(KEY, plan(engine, metrics=False), "r1", [pod()])
    await eventually(lambda: visits.answers(KEY))
    assert "did not answer" in visits.answers(KEY)[0].message


async def test_nothing_is_sent_where_nothing_is_to_be_known(engine, world):
    visits, _, _ = world
    visits.sync(KEY, plan(engine, inference="None", metrics=False), "r1", [pod()])
    assert visits._tasks == {}
    visits.sync(KEY, plan(engine), "r1", [pod(ready=False), pod("q", ip=""), pod("r", deleting=True)])
    assert visits._tasks == {}
    visits.sync(KEY, plan(engine, inference="None"), "r1", [pod()])
    await stays(lambda: engine.asked == [])
    assert visits.answers(KEY) == ()


async def test_pods_that_went_are_visited_no_more(engine, world):
    visits, _, _ = world
    visits.sync(KEY, plan(engine), "r1", [pod(), pod("q")])
    await eventually(lambda: len(visits.answers(KEY)) == 2)
    visits.sync(KEY, plan(engine), "r2", [pod("q")])
    assert list(visits._tasks) == ["uid-q"]
    visits.sync(KEY, None, "", [])
    assert visits._tasks == {}
    assert visits.latency(KEY) is None


async def test_an_engine_that_began_anew_is_measured_anew(engine, world):
    visits, _, _ = world
    visits.sync(KEY, plan(engine), "r1", [pod()])
    await eventually(lambda: len(engine.asked) >= 3)
    engine.answered, asked = 0, len(engine.asked)
    await eventually(lambda: len(engine.asked) >= asked + 3)
    engine.answered += 30
    view = await eventually(lambda: visits.latency(KEY))
    assert 0 < view.requests <= 40


async def test_while_there_is_no_plan_visits_go_on_as_they_were_planned(engine, world):
    visits, _, _ = world
    visits.sync(KEY, plan(engine), "r1", [pod()])
    await eventually(lambda: visits.answers(KEY))
    visits.sync(KEY, None, "", [pod(), pod("new")])
    assert list(visits._tasks) == ["uid-p"]
    asked = len(engine.asked)
    await eventually(lambda: len(engine.asked) > asked)


async def test_without_the_lease_no_visit_begins(engine, world):
    visits, _, _ = world
    visits.stop()
    visits.sync(KEY, plan(engine), "r1", [pod()])
    assert visits._tasks == {}
    visits.start()
    visits.sync(KEY, plan(engine), "r1", [pod()])
    await eventually(lambda: visits.answers(KEY))


async def test_a_visit_that_fails_by_a_bug_of_ours_is_not_the_last_one(engine, world, monkeypatch):
    visits, _, _ = world
    calls = []

    def broken(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise RuntimeError("a bug of ours")
        return judge(*arguments)

    monkeypatch.setattr("paceline.kube.scrape.judge", broken)
    visits.sync(KEY, plan(engine), "r1", [pod()])
    await eventually(lambda: visits.answers(KEY))


async def test_an_answer_counts_until_the_third_visit_after_it(engine, world):
    _, changed, clock = world
    rare = Visits(changed.append, lambda: SimpleNamespace(interval_seconds=300, timeout_seconds=0.5), wall=clock)
    rare.sync(KEY, plan(engine), "r1", [pod()])
    (answer,) = await eventually(lambda: rare.answers(KEY))
    assert answer.lasts == 900
    await rare.close()


@pytest.mark.parametrize(
    ("task", "status", "body", "wrong"),
    [
        ("Generate", 200, b'{"choices": [{"text": ""}]}', ""),
        ("Embed", 200, b'{"data": [{"embedding": [0.1]}]}', ""),
        ("Embed", 200, b'{"data": [{"embedding": []}]}', "empty embedding"),
        ("Score", 200, b'{"results": [{"index": 0, "relevance_score": 0.4}]}', ""),
        ("Score", 200, b'[{"index": 0, "score": 0.4}]', ""),
        ("Score", 200, b'{"results": [{"index": 0}]}', "without a score"),
        ("Generate", 200, b'[{"text": ""}]', "no OpenAI answer"),
        ("Generate", 200, b'{"choices": []}', "no OpenAI answer"),
        ("Generate", 200, b"<html>", "no OpenAI answer"),
        ("Generate", 200, b"[" * 100_000, "no OpenAI answer"),
        ("Generate", 404, b'{"error": {"message": "no model chat"}}', "HTTP 404: no model chat"),
        ("Generate", 404, b'{"error": "odd"}', "HTTP 404"),
        ("Generate", 502, b"", "no explanation"),
    ],
)
def test_an_answer_is_one_when_the_model_said_something(task, status, body, wrong):
    found = judge(task, status, body)
    assert (wrong in found) if wrong else not found


def test_the_question_fits_the_task():
    assert question("Embed", "e").path == "/v1/embeddings"
    assert question("Score", "e").path == "/v1/rerank"
    assert Probe().interval_seconds == 10
