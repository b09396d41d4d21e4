"""Pods that come and go, in a Gateway of many models: what is done for one of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from paceline.gateway import snapshot
from paceline.gateway.ir import Endpoint
from paceline.gateway.observation import Model
from paceline.gateway.stamp import Stamp
from paceline.kube.resources import Key
from paceline.reconcile import moves as moves_module
from paceline.reconcile.moves import MadeOf, Moves
from paceline.reconcile.workshop import Work
from paceline.snapshots.board import Board
from tests.support import models
from tests.support.gateways import gateway, local, route
from tests.support.translating import made, seen, served

PUBLIC = Key("models", "public")


def address(number: int) -> Endpoint:
    return Endpoint(f"10.1.0.{number}", 8000)


@dataclass
class World:
    """So many models, each with one pod; a count of what is looked at."""

    count: int
    models: dict[Key, Model] = field(default_factory=dict)
    board: Board = field(default_factory=lambda: Board(lambda _: None))
    looked: list[Key] = field(default_factory=list)
    read: list[Key] = field(default_factory=list)

    def __post_init__(self) -> None:
        for number in range(self.count):
            self.models[Key("models", f"m{number}")] = served(models.model(name=f"m{number}"), address(1))
        self.moves = Moves(self.board, self._model, self.looked.append)

    def _model(self, key: Key) -> Model | None:
        self.read.append(key)
        return self.models.get(key)

    def work(self) -> Work:
        routes = [route(local(f"b{key.name}", key.name), model=key.name) for key in self.models]
        given = seen(gateway({"routes": routes}), models=tuple(self.models.values()), consumers=())
        return Work(given.gateway, made(given), {}, {}, dict(self.models))

    def post(self, work: Work, mark: int) -> None:
        program, addresses = snapshot.program(work.translation.gateway, {}, {}, "/f")
        self.moves.post(PUBLIC, Stamp(1, program.digest), program, addresses, MadeOf(work, mark))

    def pods(self, name: str, *numbers: int) -> Key:
        key = Key("models", name)
        serving = self.models[key].servings[0]
        endpoints = tuple(map(address, numbers))
        self.models[key] = replace(self.models[key], servings=(replace(serving, endpoints=endpoints),))
        return key

    @property
    def posted(self) -> str:
        posting = self.board.of(PUBLIC)
        assert posting is not None
        return posting.shown_version

    def changed(self, since: str) -> dict[str, str]:
        posting = self.board.of(PUBLIC)
        assert posting is not None
        return {place: posting.addresses[place] for place in posting.since(since) or ()}


@pytest.mark.parametrize("count", [2, 40])
def test_a_pod_that_comes_costs_the_same_however_many_models_there_are(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(count)
    world.post(world.work(), world.moves.mark)
    before, posting = world.posted, world.board.of(PUBLIC)
    assert posting is not None
    program, clusters = posting.program, []
    real = moves_module.addressed
    monkeypatch.setattr(moves_module, "addressed", lambda some, now: clusters.extend(some) or real(some, now))
    world.read.clear()
    found = world.moves.heard(world.pods("m1", 1, 2))
    assert found is not None
    assert found[1] == [PUBLIC]
    (place,) = world.changed(before)
    assert place.startswith("eds/m1_r1_")
    assert "10.1.0.2" in world.changed(before)[place]
    assert (len(world.read), len(clusters), world.looked) == (1, 1, [])
    assert posting.program is program


def test_the_last_pod_that_goes_is_told_at_once_and_its_routes_are_translated_anew() -> None:
    world = World(2)
    world.post(world.work(), world.moves.mark)
    before = world.posted
    assert world.moves.heard(world.pods("m0")) == (world.models[Key("models", "m0")], [])
    assert world.looked == [PUBLIC]
    (text,) = world.changed(before).values()
    assert "10.1.0.1" not in text


def test_a_pod_that_came_while_routes_were_translated_is_not_lost() -> None:
    world = World(2)
    world.post(world.work(), world.moves.mark)
    mark, work = world.moves.mark, world.work()
    world.moves.heard(world.pods("m1", 1, 2))
    before = world.posted
    world.post(work, mark)
    posting = world.board.of(PUBLIC)
    assert posting is not None
    assert any("10.1.0.2" in text for text in posting.addresses.values()), world.changed(before)
    assert world.moves.since(mark) == [world.models[Key("models", "m1")]]
    assert world.moves.since(world.moves.mark) == []


def test_who_uses_a_model_is_forgotten_with_its_route_and_with_its_gateway() -> None:
    world = World(2)
    world.post(world.work(), world.moves.mark)
    gone = Key("models", "m1")
    del world.models[gone]
    world.post(world.work(), world.moves.mark)
    assert world.moves.heard(gone) is None
    world.moves.remove(PUBLIC)
    assert world.moves.heard(Key("models", "m0")) is None
    assert world.board.of(PUBLIC) is None
