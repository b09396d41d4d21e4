"""Whose a problem of neutral routes is: the last filter finds them in the proxy's terms, their owners have objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from paceline.api import consumer_reasons, gateway_reasons
from paceline.gateway import ir
from paceline.gateway.consumers import Caller
from paceline.gateway.finding import Finding, of_consumer, of_gateway
from paceline.gateway.keys import credential
from paceline.gateway.observation import Observation


def told(
    problems: Iterable[ir.Problem], made: ir.Gateway, seen: Observation, callers: Iterable[Caller]
) -> list[Finding]:
    """Every problem as something that the owner of an object can do something about.

    Args:
        problems: What `check` found.
        made: In what.
        seen: Of which it was made.
        callers: Consumers that may call.
    """
    every = list(problems)
    known = {(each.consumer.namespace, each.consumer.name): each for each in callers}
    lost = {model for each in every if each.kind == "Cluster" for model in _routes(each, made)}
    told_once = [each for each in every if each.kind != "Route" or each.name not in lost]
    return [finding for problem in told_once for finding in _told(problem, made, seen, known)]


def _told(
    problem: ir.Problem, made: ir.Gateway, seen: Observation, callers: Mapping[tuple[str, str], Caller]
) -> Iterator[Finding]:
    if problem.kind == "Key":
        key = next(each for each in made.keys if each.reference == problem.name)
        consumer = callers[key.namespace, key.consumer].consumer
        words = f"{problem.name} (namespace, Secret, key): {problem.message}"
        yield of_consumer(consumer, consumer_reasons.SECRET_INVALID, credential(consumer, problem.name), words)
    elif problem.kind == "Identity":
        identity = next(each for each in made.identities if each.name == problem.name)
        consumer = callers[identity.namespace, identity.consumer].consumer
        yield of_consumer(consumer, consumer_reasons.INVALID_SPEC, identity.name, problem.message)
    elif problem.kind == "Policy":
        for each in callers.values():
            if each.policy.name == problem.name:
                yield of_consumer(each.consumer, consumer_reasons.INVALID_SPEC, "", problem.message)
    else:
        invalid = gateway_reasons.INVALID_SPEC
        for model in _routes(problem, made):
            yield of_gateway(seen.gateway, invalid, model, f"{f'Route {model}: ' if model else ''}{problem.message}")


def _routes(problem: ir.Problem, made: ir.Gateway) -> Iterable[str]:
    """The routes that a problem takes away; "" for the gateway as a whole."""
    if problem.kind == "Route":
        return [problem.name]
    using = [each.model for each in made.routes if problem.kind == "Cluster" and problem.name in _clusters(each)]
    return using or [""]


def _clusters(route: ir.Route) -> set[str]:
    targets = [each.target for each in route.branches if isinstance(each.target, ir.Target)]
    return {share.cluster for target in targets for group in target.groups for share in group}
