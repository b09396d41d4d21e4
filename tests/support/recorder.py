"""A second pair of eyes: watches pods on a connection of its own and says when too few were ready."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from paceline.kube.resources import PODS


@dataclass
class Recorder:
    """How many pods of a model were ready at each moment.

    Attributes:
        counts: Monotonic time and number of ready pods that are not being deleted, at each change.
    """

    counts: list[tuple[float, int]] = field(default_factory=list)
    _pods: dict[str, bool] = field(default_factory=dict)

    def take(self, event: str, pod: dict[str, Any]) -> None:
        """Take one watch event."""
        uid, metadata = pod["metadata"]["uid"], pod["metadata"]
        conditions = (pod.get("status") or {}).get("conditions") or []
        ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
        self._pods[uid] = ready and "deletionTimestamp" not in metadata and event != "DELETED"
        count = sum(self._pods.values())
        if not self.counts or self.counts[-1][1] != count:
            self.counts.append((time.monotonic(), count))

    def fewest(self, since: float) -> int:
        """The fewest ready pods from a moment on, what held at that moment included."""
        before = [count for at, count in self.counts if at <= since]
        return min([*before[-1:], *(count for at, count in self.counts if at > since)], default=0)


@contextmanager
def recording(client: httpx.Client, namespace: str, model: str) -> Iterator[Recorder]:
    """Watch the pods of a model while the block runs."""
    recorder, ended = Recorder(), threading.Event()
    query = {"labelSelector": f"paceline.dev/modeldeployment={model}"}
    listed = client.get(PODS.path(namespace), params=query).json()
    for pod in listed["items"]:
        recorder.take("ADDED", pod)

    def watch() -> None:
        version = listed["metadata"]["resourceVersion"]
        while not ended.is_set():
            asked = {**query, "watch": "1", "resourceVersion": version, "timeoutSeconds": "5"}
            with client.stream("GET", PODS.path(namespace), params=asked, timeout=30) as answer:
                for line in answer.iter_lines():
                    event = json.loads(line)
                    assert event["type"] in {"ADDED", "MODIFIED", "DELETED"}, event
                    recorder.take(event["type"], event["object"])
                    version = event["object"]["metadata"]["resourceVersion"]

    thread = threading.Thread(target=watch, name="recorder")
    thread.start()
    try:
        yield recorder
    finally:
        lived = thread.is_alive()
        ended.set()
        thread.join()
    assert lived, "the recorder stopped watching"
