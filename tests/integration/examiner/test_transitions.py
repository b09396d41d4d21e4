"""Random changes on top of each other, the operator killed now and then: pods that serve never fall below the floor.

PACELINE_TEST_SEED=n        repeats the changes (not the moments of the API server)
PACELINE_TEST_SIZE=full     1,008 transitions instead of 40
"""

from __future__ import annotations

import os
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.examiner.floor import Floor
from tests.examiner.invariants import violations
from tests.examiner.record import ordered
from tests.examiner.room import Hall
from tests.examiner.tenant import PROFILES, Tenant
from tests.examiner.walk import Transition, Walk
from tests.faultproxy.calls import calls
from tests.faultproxy.proxy import proxying
from tests.support.operator_process import OperatorProcess, configuration
from tests.support.waiting import wait_until

FULL = os.environ.get("PACELINE_TEST_SIZE") == "full"
MODELS = 6 if FULL else 4
#: Of each model.
TRANSITIONS = 168 if FULL else 10
RESTS_SECONDS = 60.0
#: From the moment that the operator leads until it is killed. A busy machine takes longer than that for a start alone.
LIVES_SECONDS = (6.0, 25.0)

pytestmark = pytest.mark.timeout(2400)


class Reaper:
    """Kills the one operator of all models at random moments, and starts it again."""

    def __init__(self, operator: OperatorProcess, chance: random.Random) -> None:
        self.kills, self.exits = 0, 0
        self._operator, self._chance, self._over = operator, chance, threading.Event()
        self._thread = threading.Thread(target=self._live, name="reaper")

    def _live(self) -> None:
        while not self._over.is_set():
            life, led = self._chance.uniform(*LIVES_SECONDS), 0.0
            while not (led and time.monotonic() > led + life) and not self._over.wait(0.2):
                if not self._operator.alive:
                    self.exits += 1
                    self._operator.start()
                led = led or (time.monotonic() if self._operator.leads() else 0.0)
            if not self._over.is_set():
                self._operator.kill()
                self.kills += 1
                self._operator.start()

    @contextmanager
    def at_work(self) -> Iterator[Reaper]:
        self._thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._thread.join()


def take(model: Tenant, transition: Transition) -> None:
    """One transition and its pause."""
    model.want(**transition.wish.spec)
    if transition.pause is None:
        try:
            wait_until(model.served, RESTS_SECONDS, f"{model.namespace} rests at {transition}")
        except AssertionError as late:
            raise AssertionError(f"{late}; what is there: {model.told()}") from None
        return
    end = time.monotonic() + transition.pause
    wait_until(lambda: time.monotonic() >= end, 30, "the pause is over", every=0.02)


def walk(model: Tenant, seed: int) -> int:
    """All transitions of a model, after it has come up once, and their number."""
    model.want(replicas=3)
    wait_until(model.served, RESTS_SECONDS, f"{model.namespace} is up")
    transitions = list(Walk(seed).transitions(TRANSITIONS))
    for transition in transitions:
        take(model, transition)
    return len(transitions)


@contextmanager
def serving(hall: Hall, folder: Path, namespaces: list[str]) -> Iterator[OperatorProcess]:
    """One operator for new namespaces; the proxy is there to see its watches."""
    with ExitStack() as stack:
        for name in namespaces:
            stack.enter_context(hall.namespace(name))
        proxy = stack.enter_context(proxying(hall.kubeconfig))
        settings = configuration(*namespaces, profiles=PROFILES)
        operator = OperatorProcess(folder, settings, proxy.kubeconfig(folder), "one-pod", measured=False)
        operator.start()
        stack.callback(operator.kill)
        wait_until(lambda: proxy.watches(calls("watch")) >= len(namespaces), 60, "it watches")
        yield operator


def test_random_changes_never_take_pods_below_the_floor(
    hall: Hall, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    seed = int(os.environ.get("PACELINE_TEST_SEED", random.randrange(10**6)))
    print(f"seed {seed}: PACELINE_TEST_SEED={seed} repeats the changes")
    names = [f"w-{secrets.token_hex(4)}" for _ in range(MODELS)]
    with serving(hall, tmp_path, names) as operator, ThreadPoolExecutor(MODELS) as pool:
        begun = time.monotonic()
        with Reaper(operator, random.Random(seed)).at_work() as reaper:
            done = sum(pool.map(walk, [hall.tenant(name) for name in names], range(seed, seed + MODELS)))
        seconds = time.monotonic() - begun
        seen = {name: ordered(hall.tower.events(name)) for name in names}
    wrong, checked = [], 0
    for name, events in seen.items():
        floor = Floor()
        for event in events:
            floor.take(event)
        checked += floor.checked
        wrong += [f"{name}: {words}" for words in violations(events, hall.tower.elsewhere(name))]
    print(f"{done} transitions in {seconds:.0f} s, {reaper.kills} kills, {checked} changes of ready pods checked")
    record_property(
        "transitions", f"{done} of {MODELS} models with seed {seed}, the operator killed {reaper.kills} times"
    )
    record_property("moments checked", f"{checked}, violations {len(wrong)}")
    assert not wrong, f"seed {seed}: " + "\n".join(wrong)
    assert reaper.exits == 0, operator.tail
    assert done == MODELS * TRANSITIONS
    assert checked > done, "the floor was in force"
