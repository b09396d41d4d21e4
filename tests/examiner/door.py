"""A Gateway and its Consumer beside the model of a run, with the eyes of their users."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from paceline.api.names import CONSUMER_TOKEN, LABEL_GATEWAY, LABEL_OWNER, consumer_secret
from paceline.kube.family import DOORS
from paceline.kube.resources import CONSUMERS, GATEWAYS, SECRETS
from tests.examiner.canonical import DOOR, ready
from tests.examiner.courier import Courier
from tests.examiner.invariants import owners
from tests.examiner.programs import stamp_in
from tests.examiner.record import Event, Json, ours
from tests.examiner.tenant import MODEL, Tenant
from tests.support import consumers, gateways
from tests.support.product import condition

CALLER = "caller"
_SECRET = "keys"
#: Keys that users made, by their names in the Secret.
KEYS = {name: f"pl_{name * 20}" for name in ("k1", "k2")}
_PODS = 2


@dataclass
class Door:
    """The Gateway, the Consumer and the model.

    Attributes:
        courier: Of the Gateway's pods.
        asked: uid and generation of what was asked for last, by kind; one that was deleted is none of them.
        admits: Names of the keys that are to be let in: of KEYS, or "" for the one that was generated.
        models: How many names are to be served.
    """

    tenant: Tenant
    courier: Courier
    asked: dict[str, tuple[str, int]] = field(default_factory=dict)
    admits: tuple[str, ...] = ("",)
    models: int = 1

    # What users do.

    def open(self, *credentials: str) -> None:
        """Ask for all three."""
        self.tenant.want()
        self.want()
        self.let_in(*credentials)

    def want(self, models: tuple[str, ...] = ("bot",)) -> None:
        """Ask for a Gateway with these names of the one model."""
        routes = [gateways.route(gateways.local(model=MODEL), model=name) for name in models]
        self.models = len(models)
        self._apply(gateways.manifest({"routes": routes, "replicas": _PODS}, name=DOOR))

    def let_in(self, *credentials: str, **spec: Any) -> None:
        """Ask for a Consumer with these keys; with a generated one where there is none."""
        if credentials:
            self._keep()
        listed = {"credentials": [consumers.key(name, _SECRET) for name in credentials]} if credentials else {}
        self.admits = () if spec.get("suspended") else credentials or ("",)
        wanted = {"gatewayRefs": [{"name": DOOR}], "models": ["*"], **listed, **spec}
        self._apply(consumers.manifest(wanted, name=CALLER))

    def close(self) -> None:
        """Delete the Gateway and the Consumer."""
        self.tenant.objects.delete(GATEWAYS, self.tenant.namespace, DOOR)
        self.tenant.objects.delete(CONSUMERS, self.tenant.namespace, CALLER)
        self.asked.clear()

    def anew(self) -> None:
        """Delete both, and ask for them at once."""
        self.close()
        self.want()
        self.let_in()

    def _keep(self) -> None:
        path = SECRETS.path(self.tenant.namespace)
        body = {"metadata": {"name": _SECRET}, "stringData": KEYS}
        assert self.tenant.objects.client.post(path, json=body).status_code in (201, 409)

    def _apply(self, manifest: Json) -> None:
        plain = {name: manifest["metadata"][name] for name in ("name",)} | {"namespace": self.tenant.namespace}
        answer = self.tenant.objects.apply({**manifest, "metadata": plain})
        self.asked[manifest["kind"]] = answer["metadata"]["uid"], answer["metadata"]["generation"]

    # What is seen.

    def served(self) -> bool:
        """Whether all that was asked for last is carried out, by all accounts."""
        return self.tenant.served() and self._gateway_serves() and self._consumer_is_told() and self._let_in()

    def gone(self) -> bool:
        """Whether nothing is left of the Gateway and of the Consumer."""
        state = self.tenant.tower.state(self.tenant.namespace)
        found = [Event(0, "", kind, obj) for (kind, _), obj in state.items()]
        mine = [each for each in found if ours(each) and each.resource != "modeldeployments"]
        return all(LABEL_OWNER in (each.object["metadata"].get("labels") or {}) for each in mine)

    def told(self) -> Json:
        """What is said of them, for failures."""
        kinds = ("gateways", "consumers")
        return {kind: [one.get("status") for one in self._all(kind)] for kind in kinds}

    def _gateway_serves(self) -> bool:
        found, stamp = self._current(GATEWAYS.plural, "Gateway"), self._stamp()
        status = (found or {}).get("status") or {}
        return (
            found is not None
            and stamp is not None
            and status.get("generationServed") == stamp.generation
            and status.get("routes") == {"total": self.models}
            and status["display"] == {"pods": f"{_PODS}/{_PODS}"}
            and all(_says(found, kind, "True") for kind in ("Ready", "Programmed"))
            and sum(ready(pod) for pod in self._children("pods")) == len(self._children("pods")) == _PODS
            and all(self._mine(resource.plural, found["metadata"]["uid"]) for resource in DOORS.applied)
        )

    def _consumer_is_told(self) -> bool:
        found = self._current(CONSUMERS.plural, "Consumer")
        if found is None or not _says(found, "Accepted", "True"):
            return False
        suspended = condition(found, "Ready").get("reason") == "Suspended"
        return _says(found, "Ready", "True") and suspended == bool(found["spec"].get("suspended"))

    def _let_in(self) -> bool:
        """Whether the agents have the last program, and it lets in whom it should."""
        stamp, glimpses = self._stamp(), self.courier.glimpses
        if not glimpses or glimpses[-1].stamp != stamp:
            return False
        wanted = {(CALLER, self._key(name)) for name in self.admits}
        return glimpses[-1].admitted == wanted

    def _key(self, name: str) -> str:
        if name:
            return KEYS[name]
        state = self.tenant.tower.state(self.tenant.namespace)
        secret = state.get(("secrets", consumer_secret(CALLER))) or {"data": {CONSUMER_TOKEN: ""}}
        return base64.b64decode(secret["data"][CONSUMER_TOKEN]).decode()

    def _current(self, plural: str, kind: str) -> Json | None:
        """The object, if it is the one that was asked for last."""
        found = next(iter(self._all(plural)), None)
        if found is None or kind not in self.asked:
            return None
        return found if (found["metadata"]["uid"], found["metadata"]["generation"]) == self.asked[kind] else None

    def _children(self, plural: str) -> list[Json]:
        return [one for one in self._all(plural) if LABEL_GATEWAY in (one["metadata"].get("labels") or {})]

    def _all(self, plural: str) -> list[Json]:
        return [obj for (kind, _), obj in self.tenant.tower.state(self.tenant.namespace).items() if kind == plural]

    def _mine(self, plural: str, uid: str) -> bool:
        found = self._children(plural)
        return bool(found) and all(uid in owners(each) for each in found)

    def _stamp(self) -> Any:
        return next((stamp for one in self._children("configmaps") if (stamp := stamp_in(one))), None)


def _says(found: Json, kind: str, status: str) -> bool:
    """Whether a condition says that of the present spec."""
    said = condition(found, kind)
    return said.get("status") == status and said.get("observedGeneration") == found["metadata"]["generation"]
