"""Gateways and Consumers whose owner, leader or key is not the one that it was."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from paceline.errors import Conflict
from paceline.kube.resources import Key
from paceline.settings import OperatorSettings
from tests.support.doorway import PUBLIC, SITE, World, a_consumer, a_gateway, world
from tests.support.worlds import client, configuration

__all__ = ["world"]


class TestADeletionThatNoWatchTold:
    """Kubernetes has taken the Gateway and then children of it; of the Gateway itself nothing was heard."""

    @staticmethod
    async def unheard(world: World, *, anew: bool = False) -> int:
        world.server.put(a_gateway())
        await world.look(rounds=2)
        cache = world.doors.gateways.cache
        known = cache.owners[PUBLIC]
        for kind in ("Gateway", "Deployment"):
            world.server.remove(world.server.all(kind)[0])
        if anew:
            world.server.put(a_gateway())
        for desk in world.desks:
            await desk.resync.compare()
        cache.owners[PUBLIC] = known
        return len(world.server.writes())

    async def test_nothing_is_made_again_for_an_owner_that_is_gone(self, world: World) -> None:
        before = await self.unheard(world)
        assert (await world.doors._gateways.reconcile(PUBLIC)).result == "gone"
        assert len(world.server.writes()) == before
        assert PUBLIC not in world.doors.gateways.cache.owners
        assert world.board.of(PUBLIC) is None

    async def test_nothing_is_made_in_the_name_of_an_earlier_object(self, world: World) -> None:
        before = await self.unheard(world, anew=True)
        with pytest.raises(Conflict):
            await world.doors._gateways.reconcile(PUBLIC)
        assert len(world.server.writes()) == before

    async def test_a_child_that_somebody_else_deleted_is_made_again(self, world: World) -> None:
        world.server.put(a_gateway())
        await world.look(rounds=2)
        world.server.remove(world.server.all("Deployment")[0])
        await world.look()
        assert world.server.all("Deployment")


class TestAKeyThatIsNotTheConsumersOwn:
    """Its Secret has the name of a generated key."""

    async def test_the_key_of_an_earlier_consumer_lets_nobody_in_and_is_replaced_once_it_is_gone(
        self, world: World
    ) -> None:
        world.server.put(a_gateway())
        world.server.put(a_consumer())
        await world.look(rounds=2)
        earlier = world.key()
        world.server.remove(world.server.all("Consumer")[0])
        world.server.put(a_consumer())
        await world.look(rounds=2)
        assert world.conditions("Consumer", "site")["Accepted"] == ("False", "ChildConflict")
        assert not any(earlier in text for text in world.program().files.values())
        world.server.remove(world.server.all("Secret")[0])
        await world.look(rounds=2)
        assert world.conditions("Consumer", "site")["Accepted"] == ("True", "KeyGenerated")
        assert world.key() != earlier
        assert any(world.key() in text for text in world.program().files.values())

    async def test_somebody_elses_is_left_alone_and_named(self, world: World) -> None:
        data = {"token": base64.b64encode(b"pl_0123456789012345678901").decode()}
        metadata = {"name": "site-key", "namespace": "ml"}
        world.server.put({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})
        world.server.put(a_gateway())
        world.server.put(a_consumer())
        await world.look(rounds=2)
        assert world.conditions("Consumer", "site")["Accepted"] == ("False", "ChildConflict")
        assert not any("pl_0123456789" in text for text in world.program().files.values())
        assert world.server.all("Secret")[0]["data"] == data

    async def test_none_is_made_for_a_consumer_that_is_gone(self, world: World) -> None:
        world.server.put(a_consumer())
        await world.look(rounds=2)
        cache = world.doors.consumers.cache
        known = cache.owners[SITE]
        for kind in ("Consumer", "Secret"):
            world.server.remove(world.server.all(kind)[0])
        world.doors._consumers._workshop._secrets.forget(Key("ml", "site-key"))
        cache.owners[SITE] = known
        with pytest.raises(Conflict):
            await world.doors._consumers.reconcile(SITE)
        assert world.server.all("Secret") == []
        assert (await world.doors._consumers.reconcile(SITE)).result == "gone"


class TestANewLeader:
    """Agents have said nothing to it yet."""

    @staticmethod
    async def settled(world: World) -> None:
        world.server.put(a_gateway())
        world.server.put(a_consumer())
        await world.look(rounds=3)
        posting = world.board.of(PUBLIC)
        assert posting is not None
        assert posting.stamp is not None
        deployment = world.server.all("Deployment")[0]
        world.server.put({**deployment, "spec": {**deployment["spec"], "replicas": 1}})
        world.pod_reports(posting.stamp.generation)
        await world.look(rounds=3)
        assert world.conditions("Consumer", "site")["Ready"] == ("True", "Programmed")

    @staticmethod
    @contextlib.asynccontextmanager
    async def successor(world: World, folder: Path) -> AsyncIterator[World]:
        (folder / "next").mkdir()
        given = configuration(gateways={"tlsFolder": str(folder), "hosts": ["api.example.com"]})
        async with client(world.server, folder / "next") as api:
            successor = World(world.server, api, OperatorSettings.model_validate(given))
            for desk in successor.desks:
                await desk.resync.prime()
            yield successor

    async def test_it_writes_nothing_where_all_is_as_it_should_be(self, world: World, tmp_path: Path) -> None:
        await self.settled(world)
        before = world.server.writes()
        async with self.successor(world, tmp_path) as successor:
            assert (await successor.doors._consumers.reconcile(SITE)).result == "early"
            await successor.doors._gateways.reconcile(PUBLIC)
            await successor.doors._consumers.reconcile(SITE)
            assert world.server.writes() == before
            assert world.conditions("Consumer", "site")["Ready"] == ("True", "Programmed")

    async def test_a_program_that_changed_meanwhile_is_awaited(self, world: World, tmp_path: Path) -> None:
        await self.settled(world)
        consumer = world.server.get("Consumer", "ml", "site")
        assert consumer is not None
        world.server.put({**a_consumer(suspended=True), "metadata": consumer["metadata"], "status": consumer["status"]})
        async with self.successor(world, tmp_path) as successor:
            await successor.look()
            assert world.conditions("Gateway", "public")["Programmed"] == ("False", "AwaitingAgent")


class TestAHostNameThatIsFreeAgain:
    """Whoever wants it is looked at at once, and not at its next turn."""

    @staticmethod
    async def claimed(world: World) -> Key:
        outside = {"service": {"type": "LoadBalancer"}, "listener": {"hostnames": ["llm.example.com"]}}
        other = a_gateway(**outside)
        other["metadata"]["name"] = "younger"
        for each in (a_gateway(**outside), other):
            world.server.put(each)
        await world.look()
        world.doors.gateways.queue.clear()
        return Key("ml", "younger")

    async def test_when_its_owner_is_gone(self, world: World) -> None:
        younger = await self.claimed(world)
        world.server.remove(next(one for one in world.server.all("Gateway") if one["metadata"]["name"] == "public"))
        await world.doors.gateways.resync.compare()
        world.doors.gateways.queue.clear()
        assert (await world.doors._gateways.reconcile(PUBLIC)).result == "gone"
        assert (await world.doors.gateways.queue.get())[0] == younger

    async def test_when_its_owner_gives_it_up(self, world: World) -> None:
        younger = await self.claimed(world)
        metadata = world.server.get("Gateway", "ml", "public")["metadata"]  # type: ignore[index]
        world.server.put({**a_gateway(), "metadata": metadata})
        await world.doors.gateways.resync.compare()
        world.doors.gateways.queue.clear()
        await world.doors._gateways.reconcile(PUBLIC)
        assert (await world.doors.gateways.queue.get())[0] == younger
