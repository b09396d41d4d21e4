"""A small API server in this process: what the operator's runtime needs of Kubernetes, faults on request.

It has resourceVersions, uids, generations, label selectors, paged lists, watches (also ERROR frames and cuts),
metadata-only answers, preconditions, server-side apply with one rule (a manager's fields replace its last ones) and
the status subresource. It has no schemas, defaults, controllers or authorisation: for those there is the real one.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

Json = dict[str, Any]
#: API version, plural, namespace, name.
Key = tuple[str, str, str, str]

SERVED = {
    "paceline.dev/v1alpha1": {"modeldeployments": "ModelDeployment", "gateways": "Gateway", "consumers": "Consumer"},
    "apps/v1": {"controllerrevisions": "ControllerRevision", "deployments": "Deployment",
                "replicasets": "ReplicaSet"},
    "batch/v1": {"jobs": "Job"},
    "networking.k8s.io/v1": {"networkpolicies": "NetworkPolicy"},
    "policy/v1": {"poddisruptionbudgets": "PodDisruptionBudget"},
    "discovery.k8s.io/v1": {"endpointslices": "EndpointSlice"},
    "coordination.k8s.io/v1": {"leases": "Lease"},
    "v1": {"pods": "Pod", "services": "Service", "serviceaccounts": "ServiceAccount", "events": "Event",
           "namespaces": "Namespace", "nodes": "Node", "resourcequotas": "ResourceQuota", "secrets": "Secret",
           "configmaps": "ConfigMap"},
}  # fmt: skip


@dataclass(frozen=True)
class Call:
    """One request as the server saw it."""

    method: str
    path: str
    query: dict[str, str]
    body: Json
    headers: dict[str, str]

    @property
    def watch(self) -> bool:
        return self.query.get("watch") == "true"

    @property
    def write(self) -> bool:
        return self.method != "GET"


@dataclass
class Fault:
    """What happens to calls that match.

    Attributes:
        times: How often, at most.
        status: Answer this instead.
        lose: Do what was asked, then drop the connection instead of answering.
        seconds: Wait before anything.
    """

    matches: Callable[[Call], bool]
    times: int = 1
    status: int = 0
    message: str = "fault"
    headers: dict[str, str] = field(default_factory=dict)
    lose: bool = False
    seconds: float = 0.0


def status_object(code: int, message: str, reason: str = "") -> Json:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message,
            "reason": reason}  # fmt: skip


class FakeApiServer:
    """The server; `url` is where it listens once started."""

    def __init__(self) -> None:
        self.objects: dict[Key, Json] = {}
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.hidden: set[Key] = set()
        #: What is at paths that are no objects'.
        self.documents: dict[str, Json] = {}
        self.url = ""
        self._version = 100
        self._uid = 0
        self._history: list[tuple[int, str, str, str, Json]] = []
        self._streams: list[tuple[str, asyncio.Queue[Json | None]]] = []
        self.mute = False  # True: watches stay open and hear nothing
        self._applied: dict[tuple[str, str, str, str, str], Json] = {}
        self._expired_before = 0

    # What tests do to the world.

    def put(self, obj: Json) -> Json:
        """Create or replace an object as somebody else would."""
        key = self._key_of(obj)
        known = self.objects.get(key)
        body = copy.deepcopy(obj)
        return copy.deepcopy(self._store(key, body, known))

    def remove(self, obj: Json, *, silently: bool = False) -> None:
        """Delete an object; silently: no watch hears of it."""
        key = self._key_of(obj)
        gone = self.objects.pop(key)
        self._version += 1
        gone["metadata"]["resourceVersion"] = str(self._version)
        if not silently:
            self._announce("DELETED", key, gone)

    def get(self, kind: str, namespace: str, name: str) -> Json | None:
        """An object by kind, or None."""
        for (_, _, ns, n), obj in self.objects.items():
            if obj["kind"] == kind and ns == namespace and n == name:
                return obj
        return None

    def all(self, kind: str) -> list[Json]:
        return [obj for obj in list(self.objects.values()) if obj["kind"] == kind]

    def writes(self, part: str = "") -> list[Call]:
        """Writes so far whose path contains `part`, Leases left out."""
        return [call for call in self.calls if call.write and part in call.path and "/leases" not in call.path]

    def send_error(self, plural: str, code: int, message: str = "fault") -> int:
        """Put an ERROR frame into the open watches of a resource; number of watches."""
        frame = {"type": "ERROR", "object": status_object(code, message)}
        return self._push(plural, frame)

    def bookmark(self, plural: str) -> int:
        """Say to the open watches of a resource that nothing has happened; number of watches."""
        state = {"metadata": {"resourceVersion": str(self._version)}}
        return self._push(plural, {"type": "BOOKMARK", "object": state})

    def cut(self, plural: str) -> int:
        """End the open watches of a resource; number of watches."""
        return self._push(plural, None)

    def watchers(self, plural: str) -> int:
        return sum(1 for name, _ in self._streams if name == plural)

    def compact(self) -> None:
        """Forget the history: watches from old resourceVersions and old continue tokens get 410."""
        self._expired_before = self._version + 1
        self._history.clear()

    def backup(self) -> Callable[[], None]:
        """What there is now; call it to go back there, as a restore of etcd does: versions are counted from there."""
        objects, version = copy.deepcopy(self.objects), self._version

        def restore() -> None:
            self.objects, self._version = copy.deepcopy(objects), version
            self._history.clear()

        return restore

    # Life.

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FakeApiServer]:
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{tail:.*}", self._serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            for _, queue in self._streams:
                queue.put_nowait(None)
            await runner.cleanup()

    def kubeconfig(self, folder: Path) -> Path:
        """A kubeconfig that leads here."""
        path = folder / "kubeconfig"
        content = {
            "apiVersion": "v1", "kind": "Config", "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
            "users": [{"name": "fake", "user": {"token": "fake-token"}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
        }  # fmt: skip
        path.write_text(json.dumps(content))
        return path

    # Serving.

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body = json.loads(raw) if raw else {}
        call = Call(request.method, request.path, dict(request.query), body, dict(request.headers))
        self.calls.append(call)
        fault = next((fault for fault in self.faults if fault.times > 0 and fault.matches(call)), None)
        if fault is not None:
            fault.times -= 1
            if fault.seconds:
                await asyncio.sleep(fault.seconds)
            if fault.status:
                return web.json_response(
                    status_object(fault.status, fault.message), status=fault.status, headers=fault.headers
                )
        answer = await self._dispatch(request, call)
        if fault is not None and fault.lose:
            transport = request.transport
            if transport is not None:
                transport.close()
        return answer

    async def _dispatch(self, request: web.Request, call: Call) -> web.StreamResponse:
        discovery = self.documents.get(call.path) or self._discovery(call.path)
        if discovery is not None:
            return web.json_response(discovery)
        parts = call.path.strip("/").split("/")
        group_version, rest = (parts[1], parts[2:]) if parts[0] == "api" else (f"{parts[1]}/{parts[2]}", parts[3:])
        namespace = ""
        if rest and rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        plural, name, sub = [*rest, "", "", ""][:3]
        if plural not in SERVED.get(group_version, {}):
            return self._failure(404, "the server could not find the requested resource")
        if call.method == "GET" and not name:
            if call.watch:
                return await self._watch(request, call, group_version, plural, namespace)
            return self._list(call, group_version, plural, namespace)
        return self._one(call, (group_version, plural, namespace, name), sub)

    def _discovery(self, path: str) -> Json | None:
        if path == "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            versions = {name: {"groupVersion": name, "version": name.split("/")[1]} for name in SERVED if "/" in name}
            return {
                "groups": [
                    {"name": name.split("/")[0], "versions": [version], "preferredVersion": version}
                    for name, version in versions.items()
                ]
            }
        name = path.removeprefix("/apis/").removeprefix("/api/")
        if name not in SERVED or not path.startswith(("/api/", "/apis/")):
            return None
        verbs = ["get", "list", "watch", "patch", "create", "delete"]
        return {"kind": "APIResourceList", "groupVersion": name, "resources": [
            {"name": plural, "kind": kind, "singularName": kind.lower(), "namespaced": plural != "namespaces",
             "verbs": verbs} for plural, kind in SERVED[name].items()]}  # fmt: skip

    def _list(self, call: Call, group_version: str, plural: str, namespace: str) -> web.Response:
        found = [
            obj
            for key, obj in sorted(self.objects.items())
            if key not in self.hidden and self._selected(call, key, obj, group_version, plural, namespace)
        ]
        version = str(self._version)
        start = 0
        if token := call.query.get("continue"):
            position, version = token.split(".")
            start = int(position)
            if int(version) < self._expired_before:
                return self._failure(410, "The provided continue parameter is too old", "Expired")
        limit = int(call.query.get("limit", 0)) or len(found)
        page, more = found[start : start + limit], len(found) > start + limit
        metadata = {"resourceVersion": version, "continue": f"{start + limit}.{version}" if more else ""}
        if "PartialObjectMetadataList" in call.headers.get("Accept", ""):
            items = [self._metadata_only(obj) for obj in page]
            return web.json_response({"kind": "PartialObjectMetadataList", "metadata": metadata, "items": items})
        kind = f"{SERVED[group_version][plural]}List"
        return web.json_response({"kind": kind, "apiVersion": group_version, "metadata": metadata, "items": page})

    async def _watch(
        self, request: web.Request, call: Call, group_version: str, plural: str, namespace: str
    ) -> web.StreamResponse:
        since = int(call.query.get("resourceVersion") or 0)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        queue: asyncio.Queue[Json | None] = asyncio.Queue()
        if since and since < self._expired_before - 1:
            queue.put_nowait({"type": "ERROR", "object": status_object(410, "too old resource version", "Expired")})
            queue.put_nowait(None)
        for version, kind, gv, name, obj in self._history:
            if version > since and (gv, name) == (group_version, plural):
                queue.put_nowait({"type": kind, "object": obj})
        entry = (plural, queue)
        self._streams.append(entry)
        try:
            while (frame := await queue.get()) is not None:
                obj = frame["object"]
                if frame["type"] not in {"ERROR", "BOOKMARK"}:
                    key = (group_version, plural, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
                    if not self._selected(call, key, obj, group_version, plural, namespace):
                        continue
                await response.write(json.dumps(frame).encode() + b"\n")
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._streams.remove(entry)
        return response

    def _one(self, call: Call, key: Key, sub: str) -> web.Response:
        known = self.objects.get(key)
        if call.method == "POST":
            return self._create(call, key)
        if call.method == "PATCH":
            return self._apply(call, key, sub, known)
        if known is None:
            return self._failure(404, f"{key[1]} {key[3]!r} not found")
        if call.method == "GET":
            return self._answer(call, known)
        return self._delete(call, key, known) if call.method == "DELETE" else self._replace(call, key, known)

    def _create(self, call: Call, key: Key) -> web.Response:
        name = call.body["metadata"]["name"]
        if (*key[:3], name) in self.objects:
            return self._failure(409, f"{key[1]} {name!r} already exists", "AlreadyExists")
        return self._answer(call, self._store((*key[:3], name), copy.deepcopy(call.body), None), 201)

    def _replace(self, call: Call, key: Key, known: Json) -> web.Response:
        if self._stale(call.body["metadata"], known):
            return self._failure(409, "the object has been modified", "Conflict")
        return self._answer(call, self._store(key, copy.deepcopy(call.body), known))

    def _apply(self, call: Call, key: Key, sub: str, known: Json | None) -> web.Response:
        wanted = copy.deepcopy(call.body)
        if self._stale(wanted["metadata"], known):
            return self._failure(409, "the object has been modified", "Conflict")
        if known is None and sub:
            return self._failure(404, f"{key[1]} {key[3]!r} not found")
        for name in ("uid", "resourceVersion"):
            wanted["metadata"].pop(name, None)
        mark = (*key, call.query["fieldManager"])
        before, self._applied[mark] = self._applied.get(mark, {}), copy.deepcopy(wanted)
        base = copy.deepcopy(known) if known else {"metadata": {}}
        if sub == "status":
            wanted = {"status": wanted.get("status", {})}
            before = {"status": before.get("status", {})} if before else {}
        else:
            wanted.pop("status", None)
        merged = _merge(_without(base, before, wanted), wanted)
        return self._answer(call, self._store(key, merged, known), 200 if known else 201)

    def _delete(self, call: Call, key: Key, known: Json) -> web.Response:
        conditions = call.body.get("preconditions") or {}
        if any(known["metadata"][name] != value for name, value in conditions.items()):
            return self._failure(409, "the precondition failed", "Conflict")
        self.remove(known)
        return web.json_response({"kind": "Status", "status": "Success"})

    # Inside.

    def _store(self, key: Key, body: Json, known: Json | None) -> Json:
        metadata = body.setdefault("metadata", {})
        metadata["name"], metadata["namespace"] = key[3], key[2]
        body["apiVersion"], body["kind"] = key[0], SERVED[key[0]][key[1]]
        if body["kind"] == "Secret":  # what was written as text can be read as data; the text stays, for tests
            texts = {
                name: base64.b64encode(text.encode()).decode() for name, text in body.get("stringData", {}).items()
            }
            body["data"] = {**body.get("data", {}), **texts}
        old = known["metadata"] if known else {}
        if known is None:
            self._uid += 1
        metadata["uid"] = old.get("uid") or metadata.get("uid") or f"uid-{self._uid}"
        generation = old.get("generation", 1)
        changed = known is not None and known.get("spec") != body.get("spec")
        metadata["generation"] = generation + 1 if changed else generation
        metadata["resourceVersion"] = old.get("resourceVersion", "")
        if known is not None and body == known:
            return known  # a write that changes nothing makes no version, as in the real one
        self._version += 1
        metadata["resourceVersion"] = str(self._version)
        self.objects[key] = body
        self._announce("MODIFIED" if known else "ADDED", key, body)
        return body

    def _announce(self, kind: str, key: Key, obj: Json) -> None:
        frame = {"type": kind, "object": copy.deepcopy(obj)}
        self._history.append((self._version, kind, key[0], key[1], frame["object"]))
        self._push(key[1], frame)

    def _push(self, plural: str, frame: Json | None) -> int:
        if self.mute and frame is not None and frame["type"] != "ERROR":
            return 0
        queues = [queue for name, queue in self._streams if name == plural]
        for queue in queues:
            queue.put_nowait(frame)
        return len(queues)

    def _selected(self, call: Call, key: Key, obj: Json, group_version: str, plural: str, namespace: str) -> bool:
        if key[:2] != (group_version, plural) or (namespace and key[2] != namespace):
            return False
        labels = obj["metadata"].get("labels") or {}
        for term in filter(None, call.query.get("labelSelector", "").split(",")):
            name, _, value = term.partition("=")
            if name not in labels or (value and labels[name] != value):
                return False
        return True

    def _answer(self, call: Call, obj: Json, status: int = 200) -> web.Response:
        if "PartialObjectMetadata;" in call.headers.get("Accept", ""):
            obj = self._metadata_only(obj)
        return web.json_response(obj, status=status)

    def _stale(self, metadata: Json, known: Json | None) -> bool:
        for name in ("uid", "resourceVersion"):
            if metadata.get(name) and (known is None or known["metadata"][name] != metadata[name]):
                return True
        return False

    def _metadata_only(self, obj: Json) -> Json:
        return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}

    def _failure(self, code: int, message: str, reason: str = "") -> web.Response:
        return web.json_response(status_object(code, message, reason), status=code)

    def _key_of(self, obj: Json) -> Key:
        plural = next(plural for plural, kind in SERVED[obj["apiVersion"]].items() if kind == obj["kind"])
        return obj["apiVersion"], plural, obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _merge(base: Any, over: Any) -> Any:
    """`over` on `base`; lists are replaced."""
    if isinstance(base, dict) and isinstance(over, dict):
        return {**base, **{name: _merge(base.get(name), value) for name, value in over.items()}}
    return over


def _without(base: Any, before: Any, wanted: Any) -> Any:
    """`base` less the fields that a manager set before and does not set any more."""
    if not isinstance(base, dict) or not isinstance(before, dict):
        return base
    kept: Json = {}
    for name, value in base.items():
        if name in before and name not in (wanted or {}):
            continue
        kept[name] = _without(value, before.get(name), (wanted or {}).get(name))
    return kept


def frames(lines: bytes) -> Iterator[Json]:
    """The frames of a watch answer."""
    return (json.loads(line) for line in lines.splitlines() if line)
