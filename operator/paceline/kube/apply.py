"""Server-side apply of children, and removal of those no longer wanted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from paceline.api.digest import digest
from paceline.api.names import ANNOTATION_APPLIED
from paceline.errors import Conflict, NotFound, PacelineError, Stalled, Waiting
from paceline.kube.cache import Cache, Child
from paceline.kube.client import APPLY, METADATA, Api
from paceline.kube.resources import BY_KIND, CONFIGMAPS, CONTROLLERREVISIONS, DEPLOYMENTS, JsonObject, Key, Resource
from paceline.kube.subset import covers
from paceline.kube.views import view_of

#: Nobody adds anything to these, so that what was sent is what there is.
_AS_SENT = frozenset({CONFIGMAPS, CONTROLLERREVISIONS})
#: Items of a LIST do not say what they are.
_LEFT_OUT = ("apiVersion", "kind")


@dataclass(frozen=True)
class Applier:
    """Makes the children of one owner what the manifests say."""

    api: Api
    cache: Cache

    async def apply(
        self,
        owner: Key,
        uid: str,
        manifests: Sequence[JsonObject],
        *,
        obsolete: Collection[Key] = (),
        prune: bool = True,
    ) -> int:
        """Apply what differs, then (with `prune`) remove what is owned and no longer rendered. Number of writes.

        Revisions are removed only where they are `obsolete`: those that are not rendered are history. A template is not
        applied before its revision is kept.

        A child that cannot be written does not keep the others from being written; its error is raised at the end.

        Raises:
            PacelineError: the first failure; ChildConflict when an object of that name belongs to somebody else.
        """
        writes, first = 0, None
        failed: set[str] = set()
        order = self.cache.family.applied
        for manifest in sorted(manifests, key=lambda one: order.index(BY_KIND[one["kind"]])):
            if manifest["kind"] == DEPLOYMENTS.kind and CONTROLLERREVISIONS.kind in failed:
                continue
            try:
                writes += await self._apply_one(owner, uid, manifest)
            except PacelineError as error:
                if not error.visible:
                    raise
                first = first or error
                failed.add(manifest["kind"])
        if first is not None:
            raise first
        wanted = {(BY_KIND[manifest["kind"]], _key(manifest)) for manifest in manifests}
        self.cache.drop_bodies(owner)
        if not prune:
            return writes
        return writes + await self._prune(owner, uid, wanted, obsolete)

    async def _apply_one(self, owner: Key, uid: str, manifest: JsonObject) -> int:
        resource, key, stamp = BY_KIND[manifest["kind"]], _key(manifest), digest(manifest)
        if self.cache.matches(resource, key, stamp):
            return 0
        wanted = _stamped(manifest, stamp)
        known = self.cache.children[resource].get(key)
        if known is not None and self._was_applied(resource, key, known, wanted):
            _check_ours(resource, key, known, uid)
            self.cache.record(resource, key, stamp, known)
            return 0
        decided_on = known.generation if known is not None else 0
        if known is None or known.deleting or known.owner_uid != uid:  # not ours as it was seen last: as it is now
            known = await self._look(resource, key, owner, uid)
        for attempt in (1, 2):
            if known is not None:
                _check_ours(resource, key, known, uid)
                _check_current(resource, key, known, decided_on)
            try:
                await self._send(resource, key, wanted, stamp, known)
            except Conflict:
                # A Deployment's resourceVersion moves with each status write, so one stale view is the ordinary case.
                if attempt == 2:
                    raise
                known = await self._look(resource, key, owner, uid)
            else:
                return 1
        return 0  # pragma: no cover - the loop returns or raises

    def _was_applied(self, resource: Resource, key: Key, known: Child, wanted: JsonObject) -> bool:
        """True when a live body from after a restart already says everything we would apply."""
        body = self.cache.take_body(resource, key)
        return (
            body is not None
            and not known.deleting
            and body["metadata"]["uid"] == known.uid
            and (
                body["metadata"].get("generation") == known.generation
                if known.generation
                else body["metadata"]["resourceVersion"] == known.version
            )
            and all(covers(body.get(name), value) for name, value in wanted.items() if name not in _LEFT_OUT)
        )

    async def _look(self, resource: Resource, key: Key, owner: Key, uid: str) -> Child | None:
        """A child as it is now. One that lost its label is still ours by its owner reference; else it is another's."""
        live = await self.api.get(resource, key.namespace, key.name, accept=METADATA)
        if live is None:
            self.cache.drop(resource, key)
            return None
        child = Child.parse(self.cache.family, resource, live, whole=False)
        if child is None:
            child = Child.parse(self.cache.family, resource, live, whole=False, owner=owner)
            if child is None or child.owner_uid != uid:
                raise _not_ours(resource, key)
        self.cache.put(resource, key, child)
        return child

    async def _send(self, resource: Resource, key: Key, wanted: JsonObject, stamp: str, known: Child | None) -> None:
        """Apply with force on what we own. A known object must still be the one, in the state, that we decided on."""
        body = wanted
        if known is not None:
            metadata = {**wanted["metadata"], "uid": known.uid, "resourceVersion": known.version}
            body = {**wanted, "metadata": metadata}
        answer = await self.api.send(
            "PATCH",
            resource,
            resource.path(key.namespace, key.name),
            body,
            query={"fieldManager": self.cache.family.manager, "force": "true" if known is not None else "false"},
            content_type=APPLY,
            accept=METADATA,
        )
        child = Child.parse(self.cache.family, resource, answer, whole=False)
        if child is not None:
            shown = self.cache.family.watched - _AS_SENT
            if resource in self.cache.family.read - shown:
                child = replace(child, view=view_of(resource, wanted), viewed=child.version)
            self.cache.put(resource, key, child)
            self.cache.record(resource, key, stamp, child)

    async def _prune(self, owner: Key, uid: str, wanted: set[tuple[Resource, Key]], obsolete: Collection[Key]) -> int:
        """Delete owned children that are not rendered any more, each after a live look."""
        writes, applied = 0, self.cache.family.applied
        for resource, key, child in list(self.cache.owned(owner)):
            if resource not in applied or (resource, key) in wanted or child.owner_uid != uid or child.deleting:
                continue
            if resource is CONTROLLERREVISIONS and key not in obsolete:
                continue
            live = await self._look(resource, key, owner, uid)
            if live is None or live.owner_uid != uid or live.deleting:
                continue
            options = {
                "apiVersion": "v1",
                "kind": "DeleteOptions",
                "propagationPolicy": "Background",
                "preconditions": {"uid": live.uid, "resourceVersion": live.version},
            }
            try:
                await self.api.send("DELETE", resource, resource.path(key.namespace, key.name), options)
            except NotFound:
                self.cache.drop(resource, key)
            writes += 1
        return writes


def _key(manifest: JsonObject) -> Key:
    return Key(manifest["metadata"]["namespace"], manifest["metadata"]["name"])


def _stamped(manifest: JsonObject, stamp: str) -> JsonObject:
    """The manifest with its own digest as an annotation."""
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), ANNOTATION_APPLIED: stamp}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def _check_ours(resource: Resource, key: Key, child: Child, uid: str) -> None:
    """Refuse to write to an object that is not controlled by our owner.

    Raises:
        Waiting: it is going away, or it belongs to an earlier object of the same name that garbage collection has yet
            to remove.
        Stalled: reason ChildConflict, it is somebody else's.
    """
    if child.deleting:
        raise Waiting("ChildConflict", f"{resource.kind} {key.name} is being deleted; it is made anew once it is gone.")
    if child.owner_uid == uid:
        return
    if child.owner_uid and child.digest:
        raise Waiting(
            "ChildConflict",
            f"{resource.kind} {key.name} belongs to an earlier object of this name and waits for garbage collection. "
            "If it stays, delete it.",
        )
    raise _not_ours(resource, key)


def _check_current(resource: Resource, key: Key, child: Child, generation: int) -> None:
    """Refuse to tell a Deployment what was decided on an earlier spec of it: its next step depends on the present one.

    Raises:
        Conflict: it is to be looked at again.
    """
    if resource is DEPLOYMENTS and child.generation != generation:
        raise Conflict("Conflict", f"Deployment {key} is at generation {child.generation}, not {generation}")


def _not_ours(resource: Resource, key: Key) -> Stalled:
    return Stalled(
        "ChildConflict",
        f"a {resource.kind} named {key.name} exists and is not ours: it is left alone. Delete or rename it.",
    )
