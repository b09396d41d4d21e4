"""What is said of an object: one status write, Events for what changed in it, and its conditions as metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import Gauge

from paceline.api.reason import Reason, event_type
from paceline.errors import Stalled, Transient, Waiting
from paceline.kube.cache import Cache, Owner
from paceline.kube.client import APPLY, METADATA, Api
from paceline.kube.events import Events, Happening
from paceline.kube.resources import JsonObject, Key

_KNOWN = ("True", "False")
_VALUES = {"True": 1, "False": 0}


@dataclass(frozen=True, slots=True)
class StatusWriter:
    """Says how the objects of one kind are.

    Attributes:
        reasons: All of the kind, by their names.
        gauge: By namespace, name and condition.
    """

    api: Api
    cache: Cache
    events: Events
    reasons: Mapping[str, Reason]
    gauge: Gauge

    async def say(self, key: Key, owner: Owner, previous: JsonObject, status: JsonObject) -> None:
        """Write the status if it changed, tell the transitions, show the conditions.

        Raises:
            Transient: also where the server refuses the status: no condition can tell of that, and the cause (a CRD
                of another release, an admission policy) goes without any news of this object.
            PacelineError: the status could not be written.
        """
        if status != previous:
            await self._write(key, owner, status)
            self._tell(key, owner.uid, previous, status)
        for one in status.get("conditions") or ():
            self.gauge.labels(key.namespace, key.name, one["type"]).set(_VALUES.get(one["status"], -1))

    def forget(self, key: Key) -> None:
        """Nothing is shown any more of an object that is gone."""
        self.gauge.remove_by_labels({"namespace": key.namespace, "name": key.name})

    async def _write(self, key: Key, owner: Owner, status: JsonObject) -> None:
        """The one status write, on the very object that the decision read."""
        try:
            answer = await self._send(key, owner, status)
        except (Stalled, Waiting) as error:
            raise Transient(error.reason, error.message) from error
        body = {**owner.body, "metadata": answer["metadata"], "status": status}
        self.cache.put_owner(key, Owner.parse(body))

    async def _send(self, key: Key, owner: Owner, status: JsonObject) -> JsonObject:
        family = self.cache.family
        metadata = {
            "name": key.name, "namespace": key.namespace, "uid": owner.uid, "resourceVersion": owner.version,
        }  # fmt: skip
        return await self.api.send(
            "PATCH",
            family.itself,
            family.itself.path(key.namespace, key.name, "status"),
            {
                "apiVersion": family.itself.api_version,
                "kind": family.itself.kind,
                "metadata": metadata,
                "status": status,
            },
            query={"fieldManager": f"{family.manager}-status", "force": "true"},
            content_type=APPLY,
            accept=METADATA,
        )

    def _tell(self, key: Key, uid: str, previous: JsonObject, status: JsonObject) -> None:
        """An Event for each condition that came to another reason. Ready repeats the others, so it is left out.

        Where a condition begins to be known, a Normal reason is no news; four Events per new object would say nothing.
        """
        told: dict[str, Happening] = {}
        before = {
            one["type"]: one.get("reason") for one in previous.get("conditions") or () if one.get("status") in _KNOWN
        }
        for one in status.get("conditions") or ():
            known, kind = before.get(one["type"]), event_type(self.reasons, one["reason"])
            news = (kind == "Warning" or known is not None) and known != one["reason"]
            if news and one["type"] != "Ready" and one["status"] != "Unknown":
                message = one["message"] or one["reason"]
                told[one["reason"]] = Happening(self.cache.family.itself, key, uid, kind, one["reason"], message)
        for happening in told.values():  # a refusal stands in several conditions
            self.events.tell(happening)
