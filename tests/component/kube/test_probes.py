import httpx
import pytest

from paceline.kube.probes import Health, HealthServer
from tests.support.ports import free_port
from tests.support.worlds import Clock


@pytest.fixture
def world():
    clock = Clock()
    health = Health(clock=clock)
    server = HealthServer(health, "127.0.0.1", free_port())
    server.start()
    yield health, clock, f"http://127.0.0.1:{server.port}"
    server.stop()


def ask(url):
    answer = httpx.get(url)
    return answer.status_code, answer.text.strip()


def test_it_is_ready_once_the_cache_is_filled(world):
    health, _, url = world
    assert ask(f"{url}/readyz")[0] == 503
    health.ready = True
    assert ask(f"{url}/readyz") == (200, "ready")
    assert ask(f"{url}/other")[0] == 404


def test_it_is_alive_until_a_part_is_silent_for_longer_than_it_may_be(world):
    health, clock, url = world
    health.beat("loop", 60)
    health.beat("stream", float("inf"))
    clock.forward(59)
    assert ask(f"{url}/healthz") == (200, "alive")
    clock.forward(2)
    assert ask(f"{url}/healthz") == (503, "loop: silent for 61 s, more than 60 s")
    health.beat("loop", 60)
    assert ask(f"{url}/healthz")[0] == 200
    assert health.age("stream") == 61
    assert health.age("never") == 0
