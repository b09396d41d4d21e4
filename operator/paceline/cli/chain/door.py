"""The chain from a Gateway's manifest to clients that are answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from paceline.api.gateway_reasons import BY_NAME
from paceline.cli.chain.said import by_condition, seen_by_operator
from paceline.cli.chain.view import Link, Object, State, condition, count


@dataclass(frozen=True, slots=True)
class GatewayView:
    """A Gateway and what hangs from it, as the API server gave it.

    Attributes:
        gateway: The Gateway.
        now: When it was read, in seconds since the epoch.
        pods: Of the Gateway.
        consumers: Of its namespace that name it.
        operators: Ready pods of the operator that were seen; None where they could not be looked at.
    """

    gateway: Object
    now: float
    pods: Sequence[Object] = ()
    consumers: Sequence[Object] = ()
    operators: int | None = None


def _spec(view: GatewayView) -> Link:
    spec = view.gateway["spec"]
    routes = count(len(spec.get("routes") or ()), "route")
    found = " and one for each ModelDeployment" if spec.get("routesFrom") == "AllModelDeployments" else ""
    asked = f"{count(int(spec.get('replicas', 2)), 'pod')}, {routes}{found}"
    return seen_by_operator(view.gateway, view.now, asked, view.operators)


def _pods(view: GatewayView) -> Link:
    """Does a pod answer clients?"""
    found = by_condition("pods", view.gateway, "Ready", BY_NAME)
    if found.state is State.OK or condition(view.gateway, "Accepted").get("status") == "True":
        return found
    return Link("pods", State.NOT_REACHED, "not made for this spec before it is accepted")


def _routes(view: GatewayView) -> Link:
    """Does each route answer somebody?"""
    routes = (view.gateway.get("status") or {}).get("routes")
    if routes is None:
        return Link("routes", State.NOT_REACHED, "not known yet")
    bad = routes.get("unhealthy") or []
    if not bad:
        return Link("routes", State.OK, f"{count(routes['total'], 'route')}, each with a backend that can be asked")
    named = ", ".join(bad[:5]) + (f" and {len(bad) - 5} more" if len(bad) > 5 else "")
    text = f"{len(bad)} of {count(routes['total'], 'route')} answer nobody: {named}"
    return Link("routes", State.FAILED, text, "see the link backends; of a model: paceline explain mdep/NAME")


def _consumers(view: GatewayView) -> Link:
    """Is there somebody who may ask?"""
    if view.gateway["spec"].get("authentication") == "None":
        return Link("consumers", State.OK, "authentication is None: everybody is answered")
    if not view.consumers:
        return Link("consumers", State.OK, "none of this namespace; who brings no key of another one is answered 401")
    behind = [one["metadata"]["name"] for one in view.consumers if condition(one, "Ready").get("status") != "True"]
    if behind:
        see = f"paceline explain consumer/{behind[0]} -n {view.gateway['metadata']['namespace']}"
        text = f"{len(behind)} of {count(len(view.consumers), 'Consumer')} not answered as asked: {', '.join(behind)}"
        return Link("consumers", State.WAITING, text, see)
    return Link("consumers", State.OK, f"{count(len(view.consumers), 'Consumer')} of this namespace may ask")


def _address(view: GatewayView) -> Link:
    address = (view.gateway.get("status") or {}).get("address")
    ready = [pod for pod in view.pods if condition(pod, "Ready").get("status") == "True"]
    if not address or not ready:
        return Link("address", State.NOT_REACHED, "no pod is ready")
    return Link("address", State.OK, f"clients of this cluster use {address}, answered by {count(len(ready), 'pod')}")


CHECKS: tuple[Callable[[GatewayView], Link], ...] = (
    _spec,
    lambda view: by_condition("accepted", view.gateway, "Accepted", BY_NAME),
    _pods,
    lambda view: by_condition("programmed", view.gateway, "Programmed", BY_NAME),
    lambda view: by_condition("credentials", view.gateway, "CredentialsResolved", BY_NAME),
    lambda view: by_condition("backends", view.gateway, "BackendsResolved", BY_NAME),
    _routes,
    _consumers,
    _address,
)
