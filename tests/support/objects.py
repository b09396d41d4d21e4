"""Objects of an API server by plain HTTP: a look costs a hundredth of what kubectl's costs, so tests can look often."""

from __future__ import annotations

import base64
import json
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from paceline.kube.family import MODELS
from paceline.kube.resources import BY_KIND, MODELDEPLOYMENTS, Resource

_MANAGER = {"fieldManager": "test", "force": "true"}
_APPLY = {"Content-Type": "application/apply-patch+yaml"}
_MERGE = {"Content-Type": "application/merge-patch+json"}
QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota")
LIMITS = Resource("", "v1", "limitranges", "LimitRange")
KINDS = {**BY_KIND, "ResourceQuota": QUOTAS, "LimitRange": LIMITS}


class Objects:
    """What a test reads and writes as administrator; make it with `objects_of`."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = self._client = client

    def find(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        """An object, or None."""
        answer = self._client.get(resource.path(namespace, name))
        return None if answer.status_code == 404 else self._parsed(answer)

    def all(self, resource: Resource, namespace: str, selector: str = "") -> list[dict[str, Any]]:
        """The objects of a kind, with their kind."""
        found = self._parsed(self._client.get(resource.path(namespace), params={"labelSelector": selector}))
        return [{"kind": resource.kind, **item} for item in found["items"]]

    def apply(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Server-side apply."""
        metadata = manifest["metadata"]
        path = KINDS[manifest["kind"]].path(metadata["namespace"], metadata["name"])
        return self._parsed(self._client.patch(path, params=_MANAGER, headers=_APPLY, content=json.dumps(manifest)))

    def patch(self, resource: Resource, namespace: str, name: str, change: Mapping[str, Any]) -> dict[str, Any]:
        """Merge patch."""
        path = resource.path(namespace, name)
        return self._parsed(self._client.patch(path, headers=_MERGE, content=json.dumps(change)))

    def delete(self, resource: Resource, namespace: str, name: str) -> None:
        """Delete, if it is there; in the background, without waiting."""
        answer = self._client.request(
            "DELETE", resource.path(namespace, name), json={"propagationPolicy": "Background"}
        )
        if answer.status_code != 404:
            self._parsed(answer)

    def model(self, namespace: str, name: str) -> dict[str, Any]:
        """A ModelDeployment; empty where there is none."""
        return self.find(MODELDEPLOYMENTS, namespace, name) or {}

    def children(self, namespace: str, model: str) -> list[dict[str, Any]]:
        """What the operator applied for a model."""
        selector = f"paceline.dev/modeldeployment={model}"
        return [child for resource in MODELS.applied for child in self.all(resource, namespace, selector)]

    def _parsed(self, answer: httpx.Response) -> dict[str, Any]:
        assert answer.status_code < 400, f"{answer.request.method} {answer.request.url}: {answer.text}"
        parsed: dict[str, Any] = answer.json()
        return parsed


@contextmanager
def objects_of(kubeconfig: Path) -> Iterator[Objects]:
    """The objects of a cluster, with the certificate of its kubeconfig."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cadata=_content(cluster, "certificate-authority").decode())
    with tempfile.TemporaryDirectory() as folder:
        pair = [Path(folder) / "certificate", Path(folder) / "key"]
        for path, name in zip(pair, ("client-certificate", "client-key"), strict=True):
            path.touch(mode=0o600)
            path.write_bytes(_content(user, name))
        context.load_cert_chain(*pair)
    with httpx.Client(base_url=cluster["server"], verify=context, timeout=30, trust_env=False) as client:
        yield Objects(client)


def _content(entry: Mapping[str, str], name: str) -> bytes:
    """A file that a kubeconfig names or holds."""
    return base64.b64decode(entry[f"{name}-data"]) if f"{name}-data" in entry else Path(entry[name]).read_bytes()
