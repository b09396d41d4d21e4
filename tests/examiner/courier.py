"""Stands in for the agents of one Gateway: gets its programs as they do, and says for each pod that it has them."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from paceline.api.names import GATEWAY_ROLE, LABEL_GATEWAY, child_name
from paceline.gateway.stamp import Stamp
from paceline.kube.resources import SERVICEACCOUNTS
from paceline.render.gateway.pod import AUDIENCE
from tests.examiner.canonical import DOOR
from tests.examiner.invariants import owners
from tests.examiner.programs import Glimpse
from tests.examiner.tower import Tower
from tests.support.objects import Objects

_PAUSE_SECONDS = 0.2
_NOTHING = Stamp(0, "")


class Courier:
    """One for all pods of the Gateway of a namespace; make it with `carrying`.

    Args:
        namespace: Whose.
        client: Of the operator, which may be gone at any moment.
    """

    def __init__(self, namespace: str, objects: Objects, tower: Tower, client: httpx.Client) -> None:
        self.glimpses: list[Glimpse] = []
        self._namespace = namespace
        self._objects = objects
        self._tower = tower
        self._client = client
        self._gateway, self._held, self._token = "", _NOTHING, ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._carry, name=f"courier {namespace}", daemon=True)
        self.broken = ""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._over.set()
        self._thread.join()

    def _carry(self) -> None:
        while not self._over.wait(_PAUSE_SECONDS):
            try:
                self._round()
            except httpx.HTTPError:  # the operator was killed, or is not there yet
                continue
            except (ValueError, KeyError) as error:
                self.broken = f"the operator's answer is none: {type(error).__name__} {error}"

    def _round(self) -> None:
        """Ask once for a newer program, and report."""
        gateway = self._open_gateway()
        if not gateway:
            return
        if gateway != self._gateway:
            self._gateway, self._held, self._token = gateway, _NOTHING, ""
        asked = {"generation": self._held.generation, "digest": self._held.digest, "wait": 0}
        answer = self._ask("GET", "programs", params=asked)
        if answer.status_code == 200:
            seen = Glimpse.of(gateway, answer.content)
            self.glimpses.append(seen)
            self._held = seen.stamp
        if self._held is not _NOTHING:
            for pod in self._pods():
                self._ask("POST", "reports", json={"pod": pod, "generation": self._held.generation})

    def _open_gateway(self) -> str:
        """The uid of the Gateway whose Deployment is there, and so its program; "" for none."""
        state = self._tower.state(self._namespace)
        gateway = state.get(("gateways", DOOR))
        deployment = state.get(("deployments", child_name(self._namespace, DOOR, GATEWAY_ROLE)))
        uid = str(gateway["metadata"]["uid"]) if gateway else ""
        return uid if deployment and uid in owners(deployment) else ""

    def _pods(self) -> list[str]:
        state = self._tower.state(self._namespace)
        found = [obj["metadata"] for (plural, _), obj in state.items() if plural == "pods"]
        return [
            each["name"]
            for each in found
            if LABEL_GATEWAY in (each.get("labels") or {}) and "deletionTimestamp" not in each
        ]

    def _ask(self, method: str, what: str, **rest: object) -> httpx.Response:
        self._token = self._token or self._requested()
        headers = {"Authorization": f"Bearer {self._token}"}
        answer = self._client.request(method, f"/v1/{what}/{self._namespace}/{DOOR}", headers=headers, **rest)  # type: ignore[arg-type]
        if answer.status_code in (401, 403):  # of an account that was made anew
            self._token = ""
        return answer

    def _requested(self) -> str:
        """A token as the kubelet gets it for a pod; "" while there is no account."""
        name = child_name(self._namespace, DOOR, GATEWAY_ROLE)
        path = SERVICEACCOUNTS.path(self._namespace, name, "token")
        answer = self._objects.client.post(path, json={"spec": {"audiences": [AUDIENCE]}})
        return str(answer.json()["status"]["token"]) if answer.status_code == 201 else ""


@contextmanager
def carrying(namespace: str, objects: Objects, tower: Tower, port: int, authority: Path) -> Iterator[Courier]:
    """A courier while the block runs."""
    context = ssl.create_default_context(cafile=str(authority))
    context.check_hostname = False
    with httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=context, timeout=5, trust_env=False) as client:
        courier = Courier(namespace, objects, tower, client)
        courier.start()
        try:
            yield courier
        finally:
            courier.stop()
