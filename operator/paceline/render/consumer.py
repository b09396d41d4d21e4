"""The Secret with the key that is generated for a Consumer: its shell, which is pure (the key is made by kube.keys)."""

from __future__ import annotations

from paceline.api.consumer import KIND, Consumer
from paceline.api.names import consumer_secret
from paceline.render.labels import Manifest, owned


def consumer_key(consumer: Consumer) -> Manifest:
    """The Secret without its content."""
    marks = {
        "app.kubernetes.io/instance": consumer.name,
        "app.kubernetes.io/part-of": "paceline",
        "app.kubernetes.io/managed-by": "paceline",
    }
    metadata = owned(consumer, KIND, consumer_secret(consumer.name), marks)
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque"}
