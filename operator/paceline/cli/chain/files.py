"""The links about a model's files: are they known, do they fit, are they in the pods?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from paceline.api.names import FETCH_ROLE
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
    refusal_remedy,
    seconds_since,
)
from paceline.decide.sources import failure

#: What goes away by itself, because the source or the network may come back.
_PASSING = frozenset({"SourceUnreachable", "FetchFailed"})


def source(view: View) -> Link:
    """Is it known which files are to be served?"""
    seen = view.condition("ModelResolved")
    if seen.get("status") == "True":
        return Link("source", State.OK, one_line(seen.get("message")) or "the model's files are known")
    if seen.get("status") == "False":
        return Link("source", State.FAILED, _said(seen), _retry(view, str(seen.get("reason"))))
    if seen.get("reason") == "Resolving":
        return _looking(view)
    return Link("source", State.NOT_REACHED, "not looked up yet")


def _said(seen: Object) -> str:
    return f"{seen.get('reason')}: {one_line(seen.get('message'))}"


def _retry(view: View, reason: str) -> str:
    at_once = f"kubectl delete job -n {view.namespace} -l {view.fetch_selector}"
    if reason in _PASSING:
        return f"it is tried again by itself, later each time; to try at once: {at_once}"
    return f"do what the message says; it is tried again within about 11 minutes, or at once: {at_once}"


def _looking(view: View) -> Link:
    """How far the Job is."""
    job = _newest(view.jobs)
    if job is None:
        remedy = "wait some seconds; if it stays so, `paceline logs operator` says why"
        return Link("source", State.WAITING, "the operator has not made the Job that looks the model up yet", remedy)
    name = job["metadata"]["name"]
    pod = _newest([one for one in view.lookups if not one["metadata"].get("deletionTimestamp")])
    if pod is None:
        trouble = view.warning(job)
        if trouble:
            return Link("source", State.FAILED, f"Job {name} cannot make its pod: {trouble}", refusal_remedy(trouble))
        return Link("source", State.WAITING, f"Job {name} has no pod yet", "wait some seconds")
    return _pod(view, pod)


def _pod(view: View, pod: Object) -> Link:
    """How far the Job's pod is."""
    name = pod["metadata"]["name"]
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("reason") == "Unschedulable" and not is_scheduled(pod):
        text = f"pod {name}, which looks the model up, found no node: {one_line(scheduled.get('message'))}"
        return Link("source", State.FAILED, text, "do what the message says; the pod itself is small (100m CPU, 256Mi)")
    status = _status(pod, "containerStatuses")
    if found := _stuck(view, pod, status):
        return Link("source", State.FAILED, f"pod {name}, which looks the model up, {found[0]}", found[1])
    running = (status.get("state") or {}).get("running")
    since = seconds_since(running.get("startedAt"), view.now) if running else view.age(pod)
    doing = "looks the model up" if running else "is to look the model up and does not run yet,"
    remedy = f"wait. Watch: kubectl logs -n {view.namespace} {name} -f" if running else "wait some seconds"
    return Link("source", State.WAITING, f"pod {name} {doing} for {since} s", remedy)


def _stuck(view: View, pod: Object, status: Object) -> tuple[str, str] | None:
    """Why a container that fetches does not run, and what to do; None where nothing holds it up."""
    waiting = (status.get("state") or {}).get("waiting") or {}
    if waiting.get("reason") in IMAGE_REASONS:
        detail = one_line(waiting.get("message")) or view.warning(pod)
        text = f"cannot get {_image(pod)}: {waiting.get('reason')}: {detail}"
        return text, "check the chart value `images.fetch`, and that the nodes may pull it"
    trouble = "" if "running" in (status.get("state") or {}) or "lastState" in status else view.warning(pod)
    if trouble and waiting.get("reason") != "PodInitializing":
        return f"cannot be set up: {trouble}", "make or correct what the message names"
    return None


def fits(view: View) -> Link:
    """Does the model fit its hardware?"""
    seen = view.condition("Fits")
    if seen.get("status") == "False":
        remedy = "do what the message says; no pod is made for it until then"
        return Link("fits", State.FAILED, _said(seen), remedy)
    if seen.get("status") == "True":
        return Link("fits", State.OK, one_line(seen.get("message")) or "the model fits")
    if seen.get("reason") == "SizeUnknown":
        return Link("fits", State.OK, f"not known, so it is tried: {one_line(seen.get('message'))}")
    return Link("fits", State.NOT_REACHED, "not known yet")


def fetched(view: View) -> Link:
    """Are the files in the pods that found a node?"""
    pods = [pod for pod in view.current_pods() if is_scheduled(pod)]
    if not pods:
        return Link("fetched", State.NOT_REACHED, "no pod came this far")
    if not any(_fetches(pod) for pod in pods):
        return Link("fetched", State.OK, "there is nothing to fetch into the pods")
    missing = [pod for pod in pods if not is_fetched(pod)]
    if not missing:
        return Link("fetched", State.OK, f"the files are in {count(len(pods), 'pod')}")
    return _missing(view, missing[0], f"{len(missing)} of {count(len(pods), 'pod')} without the model's files")


def _missing(view: View, pod: Object, head: str) -> Link:
    name, status = pod["metadata"]["name"], _status(pod, "initContainerStatuses")
    ended = _ended(status)
    if ended.get("exitCode"):
        said = failure(str(ended.get("message") or ""))
        words = f"{said.reason}: {said.message}" if said else one_line(ended.get("message")) or "no last words"
        remedy = f"do what the message says; the pod tries again by itself: kubectl logs -n {view.namespace} {name} -c "
        return Link("fetched", State.FAILED, f"{head}; {name} said {one_line(words)}", f"{remedy}{FETCH_ROLE}")
    if found := _stuck(view, pod, status):
        return Link("fetched", State.FAILED, f"{head}; {name} {found[0]}", found[1])
    running = (status.get("state") or {}).get("running")
    if running:
        text = f"{head}; {name} has been fetching for {seconds_since(running.get('startedAt'), view.now)} s"
        remedy = f"wait. Watch: kubectl logs -n {view.namespace} {name} -c {FETCH_ROLE} -f"
        return Link("fetched", State.WAITING, text, remedy)
    return Link("fetched", State.WAITING, f"{head} after {view.age(pod)} s", "wait some seconds")


def is_fetched(pod: Object) -> bool:
    """Whether a pod has its files, or needs none."""
    if not _fetches(pod):
        return True
    ended = (_status(pod, "initContainerStatuses").get("state") or {}).get("terminated") or {}
    return bool(ended) and ended.get("exitCode") == 0


def _fetches(pod: Object) -> bool:
    return any(one.get("name") == FETCH_ROLE for one in pod["spec"].get("initContainers") or [])


def _status(pod: Object, kind: str) -> Object:
    found = [one for one in (pod.get("status") or {}).get(kind) or [] if one.get("name", FETCH_ROLE) == FETCH_ROLE]
    return found[0] if found else {}


def _ended(status: Object) -> Object:
    """The last end of a container, of which only a bad one matters."""
    now, before = status.get("state") or {}, status.get("lastState") or {}
    last: Object = now.get("terminated") or before.get("terminated") or {}
    return last


def _image(pod: Object) -> str:
    spec = pod["spec"]
    containers = [*(spec.get("initContainers") or []), *spec["containers"]]
    return str(containers[0].get("image"))


def _newest(objects: Sequence[Object]) -> Object | None:
    return max(objects, key=lambda one: str(one["metadata"].get("creationTimestamp") or ""), default=None)


CHECKS: tuple[Callable[[View], Link], ...] = (source, fits)
