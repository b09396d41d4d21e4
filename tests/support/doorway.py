"""Gateways and Consumers against the fake API server; the resync stands in for the watch."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from paceline.decide.gateway_health import Report
from paceline.gateway import snapshot
from paceline.kube import resync
from paceline.kube.client import Api
from paceline.kube.events import Events
from paceline.kube.family import MODELS
from paceline.kube.resources import Key
from paceline.reconcile.desk import Desk
from paceline.reconcile.doors import Doors
from paceline.settings import OperatorSettings
from tests.support import consumers, gateways
from tests.support.apiserver import FakeApiServer
from tests.support.worlds import client, configuration

PUBLIC, SITE, CHAT = Key("ml", "public"), Key("ml", "site"), Key("ml", "chat")


class World:
    def __init__(
        self, server: FakeApiServer, api: Api, settings: OperatorSettings, scopes: tuple[str | None, ...] = ("ml",)
    ) -> None:
        self.server = server
        self.settings = settings
        self.leads = True
        events = Events(api, "one")
        self.told: list[Any] = []
        events.tell = self.told.append  # type: ignore[method-assign]
        models = Desk(MODELS, api, scopes, lambda: True)
        self.doors = Doors(api, api, models, scopes, events, lambda: self.settings, lambda: self.leads, lambda: True)
        self.desks = [models, self.doors.gateways, self.doors.consumers]
        self.board = self.doors._board

    async def look(self, *, rounds: int = 1) -> None:
        """Everything is looked at, so many times."""
        for _ in range(rounds):
            for desk in self.desks:
                await desk.resync.compare()
            for key in list(self.doors.gateways.cache.owners):
                await self.doors._reconcile(key)
            for key in list(self.doors.consumers.cache.owners) if self.leads else ():
                await self.doors._consumers.reconcile(key)

    def conditions(self, kind: str, name: str, namespace: str = "ml") -> dict[str, tuple[str, str]]:
        found = self.server.get(kind, namespace, name)
        assert found is not None
        return {one["type"]: (one["status"], one["reason"]) for one in found["status"]["conditions"]}

    def key(self, name: str = "site-key") -> str:
        secret = self.server.get("Secret", "ml", name)
        assert secret is not None
        return base64.b64decode(secret["data"]["token"]).decode()

    def program(self) -> snapshot.Program:
        posting = self.board.of(PUBLIC)
        assert posting is not None
        return snapshot.parse(posting.program)

    def pod_reports(self, generation: int, pod: str = "public-a", **more: Any) -> None:
        deployment = next(one for one in self.server.all("Deployment") if "gateway" in str(one["metadata"]["labels"]))
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        ready = {"podIP": "10.0.0.9", "conditions": [{"type": "Ready", "status": "True"}]}
        metadata = {"name": pod, "namespace": "ml", "labels": labels}
        self.server.put({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": ready})
        self.board.take(PUBLIC, pod, Report(generation, **more))


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(resync, "_GRACE_SECONDS", 0.01)
    (tmp_path / "ca.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    given = configuration(gateways={"tlsFolder": str(tmp_path), "hosts": ["api.example.com"]})
    async with FakeApiServer().running() as server, client(server, tmp_path) as api:
        yield World(server, api, OperatorSettings.model_validate(given))


def a_gateway(**spec: Any) -> dict[str, Any]:
    external = {
        "external": {"baseUrl": "https://api.example.com/v1", "model": "gpt", "secretRef": {"name": "p", "key": "t"}}
    }
    route = {"model": "bot", "backends": [{"name": "main", "type": "External", **external}]}
    made = gateways.manifest({"routes": [route], **spec}, namespace="ml")
    del made["metadata"]["uid"]
    return made


def a_consumer(**spec: Any) -> dict[str, Any]:
    made = consumers.manifest(spec, namespace="ml")
    del made["metadata"]["uid"]
    return made
