"""A ServiceAccount as the API server sees it: a kubeconfig with its token, its rights, what it asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.cluster import TestCluster

#: What every authenticated client has: discovery, health, questions about its own rights.
_EVERYBODY = {"selfsubjectreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews"}


@dataclass(frozen=True, order=True)
class Right:
    """One verb on one resource; `named` holds resource names where the right is for these only."""

    group: str
    resource: str
    verb: str
    named: tuple[str, ...] = ()


@dataclass(frozen=True)
class Account:
    """A ServiceAccount of a cluster."""

    cluster: TestCluster
    namespace: str
    name: str

    @property
    def user(self) -> str:
        """Its user name."""
        return f"system:serviceaccount:{self.namespace}:{self.name}"

    def kubeconfig(self, folder: Path) -> Path:
        """A kubeconfig with a token of this account, written into `folder`."""
        config = yaml.safe_load(self.cluster.kubeconfig.read_text())
        token = self.cluster.kubectl("create", "token", self.name, "-n", self.namespace).strip()
        config["users"] = [{"name": entry["name"], "user": {"token": token}} for entry in config["users"]]
        path = folder / "account.kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return path

    def rights(self, namespace: str) -> set[Right]:
        """What the API server lets it do in a namespace, beyond what everybody may."""
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": namespace},
        }
        words = self.cluster.kubectl(
            "create", "-o", "json", "--validate=false", "-f", "-", f"--as={self.user}", stdin=json.dumps(review)
        )  # fmt: skip
        return {right for rule in json.loads(words)["status"]["resourceRules"] for right in _rights(rule)}

    def requests(self, log: Path) -> Iterator[dict[str, Any]]:
        """Its requests in an audit log of the API server."""
        with log.open() as lines:
            for line in lines:
                event = json.loads(line)
                if event["user"]["username"] == self.user and "objectRef" in event:
                    yield event


def _rights(rule: dict[str, Any]) -> Iterator[Right]:
    for group in rule["apiGroups"]:
        for resource in set(rule["resources"]) - _EVERYBODY:
            for verb in rule["verbs"]:
                yield Right(group, resource, verb, tuple(rule.get("resourceNames") or ()))


def used(requests: Iterator[dict[str, Any]]) -> set[Right]:
    """The rights that requests made use of. An apply that made an object took the right to create as well."""
    rights = set()
    for event in requests:
        target = event["objectRef"]
        resource = "/".join(part for part in (target["resource"], target.get("subresource")) if part)
        group = target.get("apiGroup", "")
        rights.add(Right(group, resource, event["verb"]))
        if event["verb"] == "patch" and event["responseStatus"]["code"] == 201:
            rights.add(Right(group, resource, "create"))
    return rights
