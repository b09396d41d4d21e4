"""Builders of the objects that the command line reads, as an API server would give them."""

from __future__ import annotations

from typing import Any

from paceline.api.names import child_name
from paceline.cli.chain import Link, View, chain, weakest

NAMESPACE = "models"
CREATED = "2026-11-24T03:00:00Z"
#: 100 s after CREATED, in seconds since the epoch.
NOW = 1_795_489_300.0

Object = dict[str, Any]


def meta(name: str, **more: Any) -> Object:
    return {"name": name, "namespace": NAMESPACE, "creationTimestamp": CREATED, "uid": f"uid-{name}", **more}


def cond(kind: str, status: str, reason: str = "Because", message: str = "") -> Object:
    return {"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": 1}


def model(name: str = "hello", *, replicas: int = 1, observed: int | None = 1, **status: Any) -> Object:
    """A ModelDeployment that is Ready, unless `status` says otherwise."""
    full: Object = {
        "conditions": [
            cond("Ready", "True", "Answering", "it answers"),
            cond("Available", "True", "Answering", "1 of 1 replicas answers"),
            cond("Accepted", "True", "Accepted", "the manifest is accepted"),
            cond("ModelResolved", "True", "Resolved", "the engine brings the model along"),
            cond("Fits", "True", "MemorySuffices", "it needs no memory"),
        ],
        "display": {"replicas": "1/1", "ttftP95": "31 ms", "tpotP95": "7.2 ms", "costPerHour": "0.00"},
        "effective": {"resources": {"requests": {"cpu": "500m"}, "limits": {"memory": "512Mi"}}},
        "endpoint": f"http://{child_name(NAMESPACE, name)}.{NAMESPACE}.svc:80/v1",
        **status,
    }
    if observed is not None:
        full["observedGeneration"] = observed
    return {
        "apiVersion": "paceline.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": meta(name, generation=1),
        "spec": {
            "replicas": replicas,
            "model": {"uri": "sim://llama-3-8b-h100"},
            "hardware": {"profile": "sim", "count": 1},
        },
        "status": full,
    }


def a_gateway(name: str = "public", spec: Object | None = None, **status: Any) -> Object:
    """A Gateway that is Ready, unless `status` says otherwise."""
    full: Object = {
        "conditions": [
            cond("Ready", "True", "Serving", "2 of 2 pods answer clients."),
            cond("Accepted", "True", "Accepted", "The spec is understood and applied."),
            cond("Programmed", "True", "Programmed", "All pods serve configuration 7."),
            cond("BackendsResolved", "True", "Resolved", "Every backend is there."),
            cond("CredentialsResolved", "True", "Resolved", "Every credential is there."),
        ],
        "observedGeneration": 1,
        "address": f"http://{name}-gateway.{NAMESPACE}.svc:8080/v1",
        "display": {"pods": "2/2"},
        "generationServed": 7,
        "routes": {"total": 1},
        **status,
    }
    return {
        "apiVersion": "paceline.dev/v1alpha1",
        "kind": "Gateway",
        "metadata": meta(name, generation=1),
        "spec": {"replicas": 2, "routesFrom": "AllModelDeployments", **(spec or {})},
        "status": full,
    }


def key_of(name: str, secret: str = "keys") -> Object:  # noqa: S107 - a name
    """A credential of type Key."""
    return {"name": name, "type": "Key", "key": {"secretRef": {"name": secret, "key": "token"}}}


def a_consumer(name: str = "site", *, conditions: list[Object] | None = None, **spec: Any) -> Object:
    """A Consumer that is Ready, unless its conditions say otherwise."""
    good = [
        cond("Ready", "True", "Programmed", "Its Gateway answers it."),
        cond("Accepted", "True", "Accepted", "The spec is understood."),
        cond("WithinBudget", "True", "WithinBudget", "No budget is spent."),
    ]
    return {
        "apiVersion": "paceline.dev/v1alpha1",
        "kind": "Consumer",
        "metadata": meta(name, generation=1, resourceVersion="5"),
        "spec": {"gatewayRefs": [{"name": "public"}], "models": ["*"], **spec},
        "status": {
            "conditions": good if conditions is None else conditions,
            "observedGeneration": 1,
            "display": {"spent": "1.20 USD", "budget": "5.00/Day"},
        },
    }


def deployment(*conditions: Object) -> Object:
    return {"metadata": meta("hello-956be3dd"), "status": {"conditions": list(conditions)}}


def replicaset(name: str = "hello-956be3dd-66f", revision: int = 1, *conditions: Object) -> Object:
    annotations = {"deployment.kubernetes.io/revision": str(revision)}
    return {"metadata": meta(name, annotations=annotations), "status": {"conditions": list(conditions)}}


def pod(
    name: str = "hello-956be3dd-66f-abcde",
    *,
    node: str | None = "node-1",
    container: Object | None = None,
    owner: str = "hello-956be3dd-66f",
    conditions: tuple[Object, ...] = (),
    **metadata: Any,
) -> Object:
    """A pod on a node, whose engine runs and is ready unless `container` says otherwise."""
    running = {"ready": True, "started": True, "restartCount": 0, "state": {"running": {"startedAt": CREATED}}}
    spec: Object = {"containers": [{"name": "engine", "image": "localhost/paceline:dev"}]}
    if node:
        spec["nodeName"] = node
    status: Object = {"conditions": list(conditions)}
    if node:
        status["containerStatuses"] = [running if container is None else container]
    return {
        "metadata": meta(name, ownerReferences=[{"uid": f"uid-{owner}"}], **metadata),
        "spec": spec,
        "status": status,
    }


def waiting(reason: str, message: str = "", **more: Any) -> Object:
    """A container status that waits for something."""
    return {"ready": False, "started": False, "state": {"waiting": {"reason": reason, "message": message}}, **more}


def init(pod: Object, **status: Any) -> Object:
    """The same pod with a container that fetches, which is as `status` says."""
    spec = pod["spec"] | {"initContainers": [{"name": "fetch", "image": "localhost/paceline:dev"}]}
    waits = waiting("PodInitializing")
    new = {"initContainerStatuses": [{"name": "fetch", **status}] if status else [], "containerStatuses": [waits]}
    return pod | {"spec": spec, "status": pod["status"] | new}


def fetcher(name: str = "hello-job-1", **more: Any) -> Object:
    """A pod that looks a model up."""
    made = pod(name, owner="hello-job", labels={"app.kubernetes.io/component": "fetch"}, **more)
    container = {"name": "fetch", "image": "localhost/paceline:dev"}
    statuses = [{"name": "fetch", **one} for one in made["status"].get("containerStatuses", [])]
    status = made["status"] | ({"containerStatuses": statuses} if statuses else {})
    return made | {"spec": made["spec"] | {"containers": [container]}, "status": status}


def job(name: str = "hello-job") -> Object:
    return {"metadata": meta(name), "status": {}}


def ended(code: int, reason: str = "Error", message: str = "") -> Object:
    """What `lastState` holds after an engine ended."""
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


def service(name: str = "hello-956be3dd") -> Object:
    return {"metadata": meta(name), "spec": {"clusterIP": "10.96.0.10"}}


def endpoints(*, ready: bool = True) -> Object:
    return {"metadata": meta("slice"), "endpoints": [{"addresses": ["10.0.0.5"], "conditions": {"ready": ready}}]}


def warning(about: str, message: str, at: str = CREATED) -> Object:
    return {
        "type": "Warning",
        "involvedObject": {"kind": "Pod", "name": about},
        "message": message,
        "lastTimestamp": at,
    }


def link(view: View, name: str) -> Link:
    """One link of its chain."""
    return next(each for each in chain(view) if each.name == name)


def first(view: View) -> Link:
    """The first link that does not hold."""
    found = weakest(chain(view))
    assert found is not None, "every link holds"
    return found
