"""The lower end of the chain: does the model answer, and can it be reached?"""

from __future__ import annotations

from paceline.api.names import key_secret
from paceline.cli.chain.view import Link, State, View, count, one_line


def answers(view: View) -> Link:
    """Does the operator get answers from the model?"""
    seen = view.condition("Available")
    words = f"{seen.get('reason')}: {one_line(seen.get('message'))}"
    if seen.get("status") == "True":
        return Link("answers", State.OK, words + _figures(view))
    if seen.get("status") == "False":
        first = "the links above come first; if they hold, read the engine's log"
        return Link("answers", State.FAILED, words, f"{first}: paceline logs {view.target}")
    return Link("answers", State.NOT_REACHED, "not known yet")


def _figures(view: View) -> str:
    display = (view.model.get("status") or {}).get("display") or {}
    parts = [
        f"{label} p95 {display[key]}" for label, key in (("TTFT", "ttftP95"), ("TPOT", "tpotP95")) if display.get(key)
    ]
    return f" ({', '.join(parts)})" if parts else ""


def _key(view: View) -> str:
    locked = view.model["spec"].get("exposure") == "GatewayOnly"
    return f" with the key of Secret {key_secret(view.name)}" if locked else ""


def service(view: View) -> Link:
    """Does the Service send requests to ready pods?"""
    if view.service is None:
        if view.condition("Accepted").get("status") != "True":
            return Link("service", State.NOT_REACHED, "not made before the manifest is accepted")
        if view.held:
            return Link("service", State.NOT_REACHED, "not made before the model is known and fits")
        remedy = "wait some seconds; if it stays so, `paceline logs operator` says why"
        return Link("service", State.WAITING, "the operator has not made it yet", remedy)
    name = view.service["metadata"]["name"]
    serving = sum(
        len(endpoint.get("addresses") or [])
        for part in view.slices
        for endpoint in part.get("endpoints") or []
        if (endpoint.get("conditions") or {}).get("ready") is not False
    )
    if serving:
        where = (view.model.get("status") or {}).get("endpoint") or name
        return Link(
            "service", State.OK, f"{name} sends requests to {count(serving, 'pod')}; clients use {where}{_key(view)}"
        )
    if view.wanted == 0:
        return Link("service", State.OK, f"{name} has no pod to send to, as spec.replicas says")
    return Link("service", State.WAITING, f"{name} has no ready pod to send requests to", "see the links above")
