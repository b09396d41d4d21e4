"""A Consumer's credentials as its manifest has them: which there are, one more, one less."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from paceline.api.consumer import KIND
from paceline.api.names import CONSUMER_TOKEN, KEY_PREFIX, consumer_secret

Object = dict[str, Any]

#: What the API takes.
MOST = 8
#: The name that the generated key gets once it stands in the list.
GENERATED = "generated"


def listed(consumer: Mapping[str, Any]) -> list[Object]:
    """spec.credentials; a Consumer without any has the generated key."""
    return list(consumer["spec"].get("credentials") or [])


def in_force(consumer: Mapping[str, Any]) -> list[Object]:
    """The same, with the generated key as what it stands for."""
    name = consumer["metadata"]["name"]
    return listed(consumer) or [credential(GENERATED, consumer_secret(name), CONSUMER_TOKEN)]


def credential(name: str, secret: str, key: str = CONSUMER_TOKEN) -> Object:
    """A credential of type Key."""
    return {"name": name, "type": "Key", "key": {"secretRef": {"name": secret, "key": key}}}


def free_name(consumer: Mapping[str, Any]) -> str:
    """key-1, key-2, …: the first that is not in the list and follows those that are."""
    taken = {each["name"] for each in listed(consumer)}
    return next(name for name in _numbered() if name not in taken)


def _numbered() -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"key-{number}"


def secret(consumer: Mapping[str, Any], name: str) -> Object:
    """A Secret with a new key, which goes when the Consumer goes and is never changed."""
    metadata = consumer["metadata"]
    owner = {
        "apiVersion": "paceline.dev/v1alpha1",
        "kind": KIND,
        "name": metadata["name"],
        "uid": metadata["uid"],
    }
    labels = {
        "app.kubernetes.io/instance": metadata["name"],
        "app.kubernetes.io/part-of": "paceline",
        "app.kubernetes.io/managed-by": "paceline-cli",
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"{metadata['name']}-{name}",
            "namespace": metadata["namespace"],
            "labels": labels,
            "ownerReferences": [owner],
        },
        "type": "Opaque",
        "immutable": True,
        "stringData": {CONSUMER_TOKEN: KEY_PREFIX + secrets.token_urlsafe(32)},
    }


def with_credentials(consumer: Mapping[str, Any], credentials: list[Object]) -> Object:
    """The Consumer as it is written back, over the one that was read only."""
    rest = {key: value for key, value in consumer.items() if key != "status"}
    return rest | {"spec": consumer["spec"] | {"credentials": credentials}}


def read_command(namespace: str, one: Mapping[str, Any]) -> str:
    """What prints a key, to whoever may read its Secret."""
    ref = one["key"]["secretRef"]
    template = f"{{{{index .data {ref['key']!r} | base64decode}}}}".replace("'", '"')
    return f"kubectl get secret -n {namespace} {ref['name']} -o go-template='{template}'"
