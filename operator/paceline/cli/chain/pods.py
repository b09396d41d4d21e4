"""The middle of the chain: what happens to the pods, each link looking at those that the one before let through."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from paceline.cli.chain.files import fetched, is_fetched
from paceline.cli.chain.view import (
    IMAGE_REASONS,
    Link,
    Object,
    State,
    View,
    condition,
    count,
    is_scheduled,
    one_line,
    seconds_since,
)

START_REASONS = frozenset(
    {"CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError"}
)


def scheduled(view: View) -> Link:
    """Did every pod find a node?"""
    pods = view.current_pods()
    if not pods:
        return _nothing("scheduled")
    stuck = [pod for pod in pods if not is_scheduled(pod)]
    if not stuck:
        nodes = sorted({str(pod["spec"].get("nodeName")) for pod in pods})
        return Link("scheduled", State.OK, f"{count(len(pods), 'pod')} on {_some(nodes)}")
    why = condition(stuck[0], "PodScheduled")
    message = one_line(why.get("message"))
    head = f"{len(stuck)} of {count(len(pods), 'pod')} found no node"
    if why.get("reason") == "Unschedulable":
        return Link("scheduled", State.FAILED, f"{head}: {message}", scheduling_remedy(message, view.profile))
    return Link("scheduled", State.WAITING, f"{head} yet", "wait some seconds for the scheduler")


def scheduling_remedy(message: str, profile: str) -> str:
    """What to do when no node fits, read from the scheduler's words."""
    if "Insufficient" in message:
        what = message.partition("Insufficient")[2].split()[0].strip(".,;")
        return f"free some {what}, add nodes that have it, or choose another profile than {profile}"
    if "affinity/selector" in message or "node selector" in message:
        return f"no node has the labels that profile {profile} asks for: label a node, or correct the profile"
    if "persistentvolumeclaim" in message.lower():
        return "make the claim that the message names, in this namespace, or see why it is not bound"
    if "untolerated taint" in message:
        return f"let profile {profile} tolerate the nodes' taints, or take the taints away"
    return "make room as the message says; the pod is scheduled by itself then"


def image(view: View) -> Link:
    """Is the engine's image on the node?"""
    pods = [pod for pod in view.current_pods() if is_scheduled(pod) and is_fetched(pod)]
    if not pods:
        return _nothing("image")
    stuck = [pod for pod in pods if _waiting(pod).get("reason") in IMAGE_REASONS]
    if stuck:
        waiting = _waiting(stuck[0])
        detail = one_line(waiting.get("message")) or view.warning(stuck[0])
        head = f"{len(stuck)} of {count(len(pods), 'pod')} cannot get {_image(stuck[0])}"
        text = f"{head}: {waiting.get('reason')}: {detail}"
        return Link("image", State.FAILED, text, "check the image's name, that it exists, and the pull secret")
    return _arrived(view, pods)


def _arrived(view: View, pods: Sequence[Object]) -> Link:
    coming = [pod for pod in pods if not _has_image(pod)]
    if not coming:
        return Link("image", State.OK, f"{_image(pods[0])} is on the nodes of {count(len(pods), 'pod')}")
    text = f"{len(coming)} of {count(len(pods), 'pod')} still without {_image(coming[0])} after {view.age(coming[0])} s"
    trouble = view.warning(coming[0])
    if trouble:
        return Link("image", State.FAILED, f"{text}: {trouble}", "remove what the message names")
    return Link("image", State.WAITING, text, "wait: big images take minutes on a new node")


def started(view: View) -> Link:
    """Does the engine's process run?"""
    pods = [pod for pod in view.current_pods() if _has_image(pod)]
    if not pods:
        return _nothing("started")
    stuck = [pod for pod in pods if not _is_running(pod)]
    if not stuck:
        restarts = sum(int(_container(pod).get("restartCount", 0)) for pod in pods)
        return Link("started", State.OK, f"{count(len(pods), 'engine')} running, {count(restarts, 'restart')}")
    state = _waiting(stuck[0])
    head = f"{len(stuck)} of {count(len(pods), 'engine')} not running"
    last = _last_exit(stuck[0])
    if state.get("reason") in START_REASONS or last:
        restarts = int(_container(stuck[0]).get("restartCount", 0))
        text = f"{head}: {crash_words(state, last)}, {count(restarts, 'restart')}"
        return Link("started", State.FAILED, text, crash_remedy(last, view.target))
    return Link("started", State.WAITING, f"{head} yet", "wait some seconds")


def crash_words(waiting: Object, last: Object) -> str:
    """How an engine ended, in words."""
    if not last:
        return f"{waiting.get('reason')}: {one_line(waiting.get('message'))}"
    if last.get("reason") == "OOMKilled":
        return "the kernel killed it for using more memory than its limit (OOMKilled)"
    tail = one_line(last.get("message"))
    return f"it ended with exit code {last.get('exitCode')}" + (f": {tail}" if tail else "")


def crash_remedy(last: Object, target: str) -> str:
    """What to do about an engine that ends."""
    if last.get("reason") == "OOMKilled":
        return "use a profile with more memory, or a smaller model"
    return f"read its last words: paceline logs {target} --previous"


def ready(view: View) -> Link:
    """Do the engines say that they serve the model?"""
    pods = [pod for pod in view.current_pods() if _is_running(pod)]
    if not pods:
        return _nothing("ready")
    stuck = [pod for pod in pods if not _container(pod).get("ready")]
    if not stuck:
        return Link(
            "ready", State.OK, f"{len(pods)} of {count(view.wanted, 'replica')} ready, as the readiness probe says"
        )
    head = f"{len(stuck)} of {count(len(pods), 'running engine')} not ready"
    since = seconds_since((_container(stuck[0])["state"]["running"]).get("startedAt"), view.now)
    trouble = view.warning(stuck[0])
    seen = f"; the last probe said: {trouble}" if trouble else ""
    if not _container(stuck[0]).get("started"):
        limit = int((view.model["spec"].get("lifecycle") or {}).get("startupSeconds", 1800))
        text = f"{head}: loading for {since} s of at most {limit} s{seen}"
        remedy = f"wait; big models load for minutes. Watch: paceline logs {view.target} -f"
        return Link("ready", State.WAITING, text, remedy)
    text = f"{head}: the engine loaded the model and then stopped answering its probe{seen}"
    return Link("ready", State.FAILED, text, f"read what it says: paceline logs {view.target}")


def _nothing(name: str) -> Link:
    return Link(name, State.NOT_REACHED, "no pod came this far")


def _container(pod: Object) -> Object:
    statuses = (pod.get("status") or {}).get("containerStatuses") or [{}]
    first: Object = statuses[0]
    return first


def _waiting(pod: Object) -> Object:
    waiting: Object = (_container(pod).get("state") or {}).get("waiting") or {}
    return waiting


def _last_exit(pod: Object) -> Object:
    container = _container(pod)
    now, before = container.get("state") or {}, container.get("lastState") or {}
    last: Object = now.get("terminated") or before.get("terminated") or {}
    return last


def _is_running(pod: Object) -> bool:
    return "running" in (_container(pod).get("state") or {})


def _has_image(pod: Object) -> bool:
    """A container whose state is beyond ContainerCreating, or that has run before, has its image."""
    return _is_running(pod) or bool(_last_exit(pod)) or _waiting(pod).get("reason") in START_REASONS


def _image(pod: Object) -> str:
    return str(pod["spec"]["containers"][0].get("image"))


def _some(names: Sequence[str], shown: int = 3) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


CHECKS: tuple[Callable[[View], Link], ...] = (scheduled, fetched, image, started, ready)
