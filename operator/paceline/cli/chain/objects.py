"""The upper half of the chain: from the manifest to the objects that Kubernetes keeps for it."""

from __future__ import annotations

from paceline.cli.chain.view import Link, State, View, condition, count, one_line, refusal_remedy

#: The operator sees a new object within a second; an API server under load may take several.
PATIENCE_SECONDS = 20


def spec(view: View) -> Link:
    """Has the operator seen the manifest as it is now?"""
    generation = int(view.model["metadata"].get("generation", 1))
    observed = int((view.model.get("status") or {}).get("observedGeneration", 0))
    uri = (view.model["spec"].get("model") or {}).get("uri", "?")
    asked = f"generation {generation} asks for {count(view.wanted, 'replica')} of {uri} on profile {view.profile}"
    if observed >= generation:
        return Link("spec", State.OK, f"{asked}; the operator has seen it")
    seen = f"its last look was at generation {observed}" if observed else "it never looked at this object"
    running = "" if view.operators is None else f"; {count(view.operators, 'ready operator pod')} found"
    late = view.operators == 0 or (not observed and view.age(view.model) > PATIENCE_SECONDS)
    return Link(
        "spec",
        State.FAILED if late else State.WAITING,
        f"{asked}; the operator has not seen it: {seen}{running}",
        f"see that the operator runs (`paceline logs operator`) and may work in this namespace "
        f"(`paceline enable {view.namespace}`)",
    )


def accepted(view: View) -> Link:
    """Does the operator take the manifest as it stands?"""
    seen = view.condition("Accepted")
    if seen.get("status") == "True":
        return Link("accepted", State.OK, one_line(seen.get("message")) or "the manifest is accepted")
    if seen.get("status") == "False":
        return Link(
            "accepted",
            State.FAILED,
            f"{seen.get('reason')}: {one_line(seen.get('message'))}",
            f"correct the manifest and apply it again ({seen.get('reason')}: see docs/reference/conditions.md)",
        )
    return Link("accepted", State.NOT_REACHED, "not decided yet")


def profile(view: View) -> Link:
    """What does one replica get?"""
    effective = (view.model.get("status") or {}).get("effective") or {}
    if not effective:
        return Link("profile", State.NOT_REACHED, f"profile {view.profile}: not resolved yet")
    resources = effective.get("resources") or {}
    wanted = {**(resources.get("requests") or {}), **(resources.get("limits") or {})}
    each = ", ".join(f"{name} {amount}" for name, amount in sorted(wanted.items())) or "no resources"
    used = effective.get("profile") or view.profile
    before = "" if used == view.profile else f"still profile {used}, as accepted before"
    return Link("profile", State.OK, f"{before or f'profile {used}'}: {each} for each replica")


def deployment(view: View) -> Link:
    """Is there a Deployment, and may it make its pods?"""
    if view.deployment is None:
        if view.condition("Accepted").get("status") != "True":
            return Link("deployment", State.NOT_REACHED, "not made before the manifest is accepted")
        if view.held:
            return Link("deployment", State.NOT_REACHED, "not made before the model is known and fits")
        return Link(
            "deployment",
            State.WAITING,
            "the operator has not made it yet",
            "wait some seconds; if it stays so, `paceline logs operator` says why",
        )
    name = view.deployment["metadata"]["name"]
    failure = condition(view.deployment, "ReplicaFailure")
    if failure.get("status") == "True":
        message = one_line(failure.get("message"))
        return Link("deployment", State.FAILED, f"{name} cannot make pods: {message}", refusal_remedy(message))
    if view.wanted == 0:
        return Link("deployment", State.OK, f"{name} wants 0 pods, as spec.replicas says")
    late = condition(view.deployment, "Progressing")
    slow = "; its progress deadline has passed" if late.get("reason") == "ProgressDeadlineExceeded" else ""
    before = ", of the revision before" if view.held else ""
    return Link("deployment", State.OK, f"{name} wants {count(view.wanted, 'pod')}{before}{slow}")


def replicaset(view: View) -> Link:
    """Were the pods made?"""
    if view.deployment is None or view.wanted == 0:
        return Link("replicaset", State.NOT_REACHED, "no pods to make")
    newest = view.newest()
    if newest is None:
        return Link("replicaset", State.WAITING, "the Deployment has not made its ReplicaSet yet", "wait some seconds")
    made, name = len(view.current_pods()), newest["metadata"]["name"]
    older = len(view.pods) - made
    rest = f"; {count(older, 'older pod')} still there" if older else ""
    if made >= view.wanted:
        return Link("replicaset", State.OK, f"{name} has made {made} of {count(view.wanted, 'pod')}{rest}")
    failure = condition(newest, "ReplicaFailure")
    if failure.get("status") == "True":
        message = one_line(failure.get("message"))
        text = f"{name} has made {made} of {count(view.wanted, 'pod')}{rest}: {message}"
        return Link("replicaset", State.FAILED, text, refusal_remedy(message))
    text = f"{name} has made {made} of {count(view.wanted, 'pod')} so far{rest}"
    return Link("replicaset", State.WAITING, text, "wait: new pods are made as older ones go")
