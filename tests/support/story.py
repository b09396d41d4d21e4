"""The story of one ModelDeployment against the fake API server; the resync stands in for the watch."""

from __future__ import annotations

from typing import Any

from paceline.kube.cache import Cache
from paceline.kube.client import Api
from paceline.kube.events import Events
from paceline.kube.family import MODELS
from paceline.kube.resources import Key
from paceline.kube.resync import Resync
from paceline.kube.scrape import Visits
from paceline.reconcile.modeldeployment import ModelDeployments
from paceline.reconcile.outcome import Outcome
from paceline.settings import OperatorSettings
from tests.support.apiserver import FakeApiServer
from tests.support.worlds import configuration

KEY = Key("ml", "chat")


class Story:
    def __init__(self, server: FakeApiServer, api: Api) -> None:
        self.server = server
        self.settings = OperatorSettings.model_validate(configuration())
        self.cache = Cache(MODELS)
        self.told: list[Any] = []
        events = Events(api, "one")
        events.tell = self.told.append
        self.visits = Visits(lambda _: None, lambda: self.settings.probe)
        self.resync = Resync(api, self.cache, ("ml",), lambda _: None)
        self.story = ModelDeployments(api, self.cache, events, self.visits, lambda: self.settings)

    async def reconcile(self) -> Outcome:
        await self.resync.compare()
        return await self.story.reconcile(KEY)

    def pods_become_ready(self) -> None:
        """What Kubernetes would do."""
        deployment = self.server.all("Deployment")[0]
        generation = deployment["metadata"]["generation"]
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 1)
        rolled_out = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
        self.server.put(
            {**deployment, "status": {"observedGeneration": generation, **counts, "conditions": [rolled_out]}}
        )
        template = deployment["spec"]["template"]["metadata"]
        metadata = {"name": f"{deployment['metadata']['name']}-x", "namespace": "ml", "labels": template["labels"]}
        ready = {"podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]}
        self.server.put({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": ready})

    def fetch_pod_says(self, report: str, *, phase: str = "Succeeded", name: str = "fetch-a") -> None:
        """The pod of the Job ends with these last words."""
        template = self.server.all("Job")[-1]["spec"]["template"]["metadata"]
        ended = {"exitCode": 0 if phase == "Succeeded" else 3, "message": report}
        self.server.put(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": "ml", "labels": template["labels"]},
                "status": {
                    "phase": phase,
                    "containerStatuses": [{"name": "fetch", "state": {"terminated": ended}}],
                },
            }
        )
