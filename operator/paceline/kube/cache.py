"""What the operator has seen of the world: slim tuples and digests, never whole bodies of children.

Filled by watch events (handlers.py), by the answers to our own writes (apply.py) and by the resync. Nothing here is
older than what it replaces: resourceVersions of one resource are compared as numbers, as Kubernetes allows since 1.35.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from paceline.api.names import ANNOTATION_APPLIED
from paceline.kube.family import Family
from paceline.kube.resources import JsonObject, Key, Resource
from paceline.kube.views import View, view_of

#: Written by the Deployment controller, so no sign of somebody else's hand.
_FOREIGN_ANNOTATIONS = "deployment.kubernetes.io/"


@dataclass(frozen=True, slots=True)
class Child:
    """What is kept of a child.

    Attributes:
        owner: Key of the owner that its label names.
        owner_uid: uid in its controller reference; empty: nobody's.
        uid: uid.
        version: resourceVersion.
        generation: metadata.generation; 0 for kinds without.
        digest: Digest of the manifest it was applied from, as annotated.
        shape: Hash of labels, annotations and owner references.
        deleting: It has a deletionTimestamp.
        view: What decisions read of it; None until its body was seen, and for kinds that no decision reads.
        viewed: resourceVersion of that body; older than `version` where an answer to our own write came since.
    """

    owner: Key
    owner_uid: str
    uid: str
    version: str
    generation: int
    digest: str
    shape: int
    deleting: bool
    view: View | None = None
    viewed: str = ""

    @property
    def essence(self) -> tuple[object, ...]:
        """What matters of it. A resourceVersion alone says nothing where a generation or a view tells more."""
        version = "" if self.generation or self.view is not None else self.version
        return self.owner, self.owner_uid, self.uid, self.generation, self.shape, self.deleting, self.view, version

    @classmethod
    def parse(
        cls, family: Family, resource: Resource, obj: JsonObject, *, whole: bool = True, owner: Key | None = None
    ) -> Child | None:
        """A Child from an object (`whole`) or from its metadata only; None when no label (or caller) names an owner."""
        metadata = obj["metadata"]
        owner = owner or family.owner(metadata)
        if owner is None:
            return None
        annotations = metadata.get("annotations") or {}
        ours = {name: value for name, value in annotations.items() if not name.startswith(_FOREIGN_ANNOTATIONS)}
        references = metadata.get("ownerReferences") or []
        child = cls(
            owner=owner,
            owner_uid=next((str(ref.get("uid", "")) for ref in references if ref.get("controller")), ""),
            uid=metadata["uid"],
            version=metadata["resourceVersion"],
            generation=metadata.get("generation") or 0,
            digest=annotations.get(ANNOTATION_APPLIED, ""),
            shape=hash(repr((sorted((metadata.get("labels") or {}).items()), sorted(ours.items()), references))),
            deleting=bool(metadata.get("deletionTimestamp")),
        )
        return replace(child, view=view_of(resource, obj), viewed=child.version) if whole else child


class Owner(NamedTuple):
    """One of our own objects, body included (without managedFields)."""

    uid: str
    version: str
    generation: int
    deleting: bool
    body: JsonObject

    @classmethod
    def parse(cls, obj: JsonObject) -> Owner:
        """An Owner from a whole object."""
        metadata = {name: value for name, value in obj["metadata"].items() if name != "managedFields"}
        return cls(
            uid=metadata["uid"],
            version=metadata["resourceVersion"],
            generation=metadata.get("generation") or 0,
            deleting=bool(metadata.get("deletionTimestamp")),
            body={**obj, "metadata": metadata},
        )


class Applied(NamedTuple):
    """What our last apply of a child left behind."""

    digest: str
    uid: str
    version: str
    generation: int
    shape: int


def newer(version: str, than: str) -> bool:
    """True when a resourceVersion is later than another of the same resource; unknown forms count as later."""
    if version.isdecimal() and than.isdecimal():
        return int(version) > int(than)
    return version != than


@dataclass
class Cache:
    """Objects of one of our kinds and their children, by resource and key. Used from one event loop only."""

    family: Family
    owners: dict[Key, Owner] = field(default_factory=dict)
    children: dict[Resource, dict[Key, Child]] = field(init=False)
    applied: dict[tuple[Resource, Key], Applied] = field(default_factory=dict)
    _bodies: dict[tuple[Resource, Key], bytes] = field(default_factory=dict)
    _owned: dict[Key, set[tuple[Resource, Key]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.children = {resource: {} for resource in self.family.children}

    def clear(self) -> None:
        """Forget everything: what was known is no longer older than what there is."""
        for store in self.children.values():
            store.clear()
        self.owners.clear()
        self.applied.clear()
        self._bodies.clear()
        self._owned.clear()

    def put_owner(self, key: Key, owner: Owner) -> bool:
        """Remember one of our objects; False when nothing newer was learnt."""
        known = self.owners.get(key)
        if known is not None and known.uid == owner.uid and not newer(owner.version, known.version):
            return False
        self.owners[key] = owner
        return True

    def drop_owner(self, key: Key, uid: str | None = None) -> bool:
        """Forget one of our objects (only that incarnation, when a uid is given); False when it was not known."""
        known = self.owners.get(key)
        if known is None or (uid is not None and known.uid != uid):
            return False
        del self.owners[key]
        return True

    def put(self, resource: Resource, key: Key, child: Child) -> bool:
        """Remember a child; False when nothing was learnt that a decision or an apply depends on."""
        store = self.children[resource]
        known = store.get(key)
        if known is not None:
            same = known.uid == child.uid
            if not newer(child.version, known.version):
                if not same or child.view is None or not newer(child.version, known.viewed):
                    return False
                child = replace(known, view=child.view, viewed=child.viewed)  # the body to an answer that came first
            elif same and child.view is None:
                child = replace(child, view=known.view, viewed=known.viewed)
            if known.owner != child.owner:
                self._disown(known.owner, resource, key)
        store[key] = child
        self._owned.setdefault(child.owner, set()).add((resource, key))
        return known is None or known.essence != child.essence

    def drop(self, resource: Resource, key: Key, uid: str | None = None) -> Child | None:
        """Forget a child (only that incarnation, when a uid is given); what was known of it."""
        known = self.children[resource].get(key)
        if known is None or (uid is not None and known.uid != uid):
            return None
        del self.children[resource][key]
        self.applied.pop((resource, key), None)
        self._bodies.pop((resource, key), None)
        self._disown(known.owner, resource, key)
        return known

    def _disown(self, owner: Key, resource: Resource, key: Key) -> None:
        owned = self._owned.get(owner, set())
        owned.discard((resource, key))
        if not owned:
            self._owned.pop(owner, None)

    def owned(self, owner: Key) -> Iterator[tuple[Resource, Key, Child]]:
        """The children whose label names that owner, in a stable order."""
        for resource, key in sorted(self._owned.get(owner, ())):
            yield resource, key, self.children[resource][key]

    def matches(self, resource: Resource, key: Key, digest: str) -> bool:
        """True when a child was applied with that digest and nobody changed it since.

        The resourceVersion of kinds with a generation (Deployment, PodDisruptionBudget) moves with their status, so
        for them generation and metadata stand for it.
        """
        applied, child = self.applied.get((resource, key)), self.children[resource].get(key)
        if applied is None or child is None or applied.digest != digest or applied.uid != child.uid or child.deleting:
            return False
        if child.generation:
            return applied.generation == child.generation and applied.shape == child.shape
        return applied.version == child.version

    def record(self, resource: Resource, key: Key, digest: str, child: Child) -> None:
        """Note that a child now is what a manifest of that digest says."""
        self.applied[resource, key] = Applied(digest, child.uid, child.version, child.generation, child.shape)

    def keep_body(self, resource: Resource, key: Key, obj: JsonObject) -> None:
        """Keep a live body as text until the first reconcile compares it with what it renders (`take_body`).

        Without it a new leader would have to apply every child again: 4,000 writes for 1,000 objects. Text without
        managedFields is 2 kB, a fifth of the parsed object; packing it with zlib costs 1 ms each and saves 5 MB.
        """
        metadata = {name: value for name, value in obj["metadata"].items() if name != "managedFields"}
        body = {**{name: value for name, value in obj.items() if name != "status"}, "metadata": metadata}
        self._bodies[resource, key] = json.dumps(body, separators=(",", ":")).encode()

    def take_body(self, resource: Resource, key: Key) -> JsonObject | None:
        """The kept body of a child, which is then forgotten."""
        text = self._bodies.pop((resource, key), None)
        body: JsonObject | None = json.loads(text) if text is not None else None
        return body

    def drop_bodies(self, owner: Key) -> None:
        """Forget what is still kept of an owner's children: nobody will compare it any more."""
        for resource, key in self._owned.get(owner, ()):
            self._bodies.pop((resource, key), None)

    def version(self, resource: Resource, key: Key) -> str | None:
        """The resourceVersion known of one object."""
        known = self.owners.get(key) if resource is self.family.itself else self.children[resource].get(key)
        return known.version if known is not None else None

    def whole(self, resource: Resource, key: Key) -> bool:
        """False for an object that is known from the answer to our own write, but whose body nobody has shown yet."""
        if resource is self.family.itself:
            return True
        child = self.children[resource][key]
        return child.viewed == child.version

    def versions(self, resource: Resource) -> dict[Key, tuple[str, str]]:
        """The uid and resourceVersion of everything known of a resource."""
        if resource is self.family.itself:
            return {key: (owner.uid, owner.version) for key, owner in self.owners.items()}
        return {key: (child.uid, child.version) for key, child in self.children[resource].items()}
