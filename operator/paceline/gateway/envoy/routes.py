"""The routes: by model, under it by policy, under it by class of request."""

from __future__ import annotations

import re
from collections.abc import Mapping

from paceline.gateway.envoy.bootstrap import AGENT
from paceline.gateway.envoy.documents import (
    ADMISSION,
    ASKED,
    CLIENT,
    IDENTITY,
    KEYS,
    MODEL,
    OPTIONAL_ADMISSION,
    POLICY,
    REQUEST,
    REQUEST_CLASS,
    Document,
    exact,
    input_header,
    resources,
    typed,
)
from paceline.gateway.envoy.rewriting import alike
from paceline.gateway.envoy.target import asked, not_asked, refusal, route
from paceline.gateway.envoy.tokens import identities
from paceline.gateway.ir import Branch, Cluster, Gateway, Policy, Route, Target

NAME = "gateway"
#: What a server may not say to our clients: where else to go, whose account pays, what to keep.
_KEPT_BACK = (
    "alt-svc",
    "location",
    "openai-organization",
    "openai-project",
    "refresh",
    "set-cookie",
    "www-authenticate",
)
#: Stands for requests that say nothing of their class, where that is another case than every other class.
_UNSAID = "-"
#: A policy's branch by class; "" is every other class.
_Outcome = tuple[tuple[str, Branch | None], ...]


def routes(gateway: Gateway, secrets: Mapping[str, str]) -> Document:
    """The file of routes, keys among them.

    Args:
        gateway: Neutral routes.
        secrets: Keys by their reference. A key that is missing lets nobody in.
    """
    host: Document = {
        "name": NAME,
        "domains": list(gateway.listener.hostnames) or ["*"],
        "matcher": _matcher(gateway),
        "request_body_buffer_limit": gateway.listener.limits.max_request_bytes,
        "response_headers_to_remove": list(_KEPT_BACK),
        "typed_per_filter_config": {ADMISSION: not_asked(), OPTIONAL_ADMISSION: not_asked()},
    }
    if not gateway.anonymous:
        host["typed_per_filter_config"][KEYS] = _keys(gateway, secrets)
    told = {REQUEST: _trusted(gateway), IDENTITY: identities(gateway)}
    if any(told.values()):
        host["metadata"] = {"filter_metadata": {name: each for name, each in told.items() if each}}
    return resources(typed("config.route.v3.RouteConfiguration", name=NAME, virtual_hosts=[host]))


def _keys(gateway: Gateway, secrets: Mapping[str, str]) -> Document:
    known = sorted((secrets[key.reference], key.client) for key in gateway.keys if key.reference in secrets)
    return typed(
        "extensions.filters.http.api_key_auth.v3.ApiKeyAuthPerRoute",
        credentials=[{"key": value, "client": client} for value, client in known],
        key_sources=[{"header": "Authorization"}],
        forwarding={"header": CLIENT, "hide_credentials": True},
    )


def _trusted(gateway: Gateway) -> Document:
    """Which headers are believed of whom, for the script, which takes those of others away."""
    said = {
        each.name: {"class": each.trusts_class, "conversation": each.trusts_conversation} for each in gateway.policies
    }
    return {name: said[name] for name in sorted(said) if any(said[name].values())}


def _matcher(gateway: Gateway) -> Document:
    ready = alike(gateway)
    policies: dict[str, list[Policy]] = {each.model: [] for each in gateway.routes}
    for policy in sorted(gateway.policies, key=lambda each: each.name):
        for model in policy.allowed(policies):
            policies[model].append(policy)
    ordered = sorted(gateway.routes, key=lambda each: each.model)
    known = len(gateway.policies)
    models = {
        each.model: {"matcher": _checked(each, ready, _policies(each, policies[each.model], known, ready))}
        for each in ordered
    }
    return exact(MODEL, models, {"matcher": _paths()})


def _paths() -> Document:
    """What there is without a model, and what is said of a model that there is not."""
    models = _action(
        {
            "name": "models",
            "match": {"prefix": "/"},
            "route": {"cluster": AGENT, "timeout": "5s"},
        }
    )
    unknown = _action(refusal("unknown-model", 404, "model_not_found", "There is no such model."))
    asked = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings")
    cases = {"/v1/models": models, **dict.fromkeys(asked, unknown)}
    tree = {"input": input_header(":path"), "prefix_match_map": {"map": cases}}
    nowhere = _action(refusal("unknown-path", 404, "unknown_url", "There is nothing at this address."))
    return {"matcher_tree": tree, "on_no_match": nowhere}


def _checked(route_: Route, ready: dict[str, Cluster], others: Document) -> Document:
    """The adapter's own requests go where the answers come from; who may make them was settled before."""
    targets = [each.target for each in route_.branches if isinstance(each.target, Target) and each.target.check]
    if not targets:
        return others
    answered = _action(route(f"{route_.model}/asked", Branch(asked(targets[0])), ready))
    return exact(ASKED, {"yes": answered}, {"matcher": others})


def _policies(route_: Route, policies: list[Policy], known: int, ready: dict[str, Cluster]) -> Document:
    """One route for all policies to which the same happens: routes are much larger than conditions.

    Args:
        route_: What is done with requests for a model.
        policies: Those that allow the model.
        known: How many there are in all.
        ready: Clusters whose requests the script makes ready.
    """
    outcomes: dict[_Outcome, list[str]] = {}
    for policy in policies:
        found = _outcome(route_, policy)
        if found:
            outcomes.setdefault(found, []).append(policy.name)
    if [len(names) for names in outcomes.values()] == [known]:
        (outcome,) = outcomes
        return {"on_no_match": _classes(route_, outcome, ready)}
    matchers = [
        {"predicate": _any_of(names), "on_match": _classes(route_, outcome, ready)}
        for outcome, names in outcomes.items()
    ]
    return ({"matcher_list": {"matchers": matchers}} if matchers else {}) | {"on_no_match": _forbidden()}


def _outcome(route_: Route, policy: Policy) -> _Outcome:
    """What happens to this policy's requests, by class; empty when nothing does."""
    own = route_.branch(policy, policy.request_class)
    if not policy.trusts_class:
        return (("", own),) if own else ()
    # A class that no branch is for must not get what the policy's own class may have.
    other = route_.branch(policy, "")
    known = [(name, route_.branch(policy, name)) for name in sorted({each.request_class for each in route_.branches})]
    special = [each for each in known if each[0] and each[1] != other]
    unsaid = [(_UNSAID, own)] if own != other else []
    return (*unsaid, *special, ("", other)) if unsaid or special or other else ()


def _any_of(names: list[str]) -> Document:
    """One expression for all: a condition for each policy costs 3 us and 2 KB. Their names are no tenant's."""
    regex = {"google_re2": {}, "regex": "|".join(re.escape(name) for name in names)}
    return {"single_predicate": {"input": input_header(POLICY), "value_match": {"safe_regex": regex}}}


def _classes(route_: Route, outcome: _Outcome, ready: dict[str, Cluster]) -> Document:
    cases = {name: _branch(route_, branch, ready) for name, branch in outcome}
    other, unsaid = cases.pop(""), cases.pop(_UNSAID, None)
    said = {"matcher": exact(REQUEST_CLASS, cases, other)} if cases else other
    if unsaid is None:
        return said
    some = {"input": input_header(REQUEST_CLASS), "value_match": {"safe_regex": {"google_re2": {}, "regex": ".+"}}}
    matcher = {"predicate": {"single_predicate": some}, "on_match": said}
    return {"matcher": {"matcher_list": {"matchers": [matcher]}, "on_no_match": unsaid}}


def _branch(route_: Route, branch: Branch | None, ready: dict[str, Cluster]) -> Document:
    if branch is None:
        return _forbidden()
    return _action(route(f"{route_.model}/{route_.branches.index(branch)}", branch, ready))


def _forbidden() -> Document:
    return _action(refusal("forbidden", 403, "model_not_allowed", "This key may not use this model."))


def _action(route_: Document) -> Document:
    return {"action": {"name": "route", "typed_config": typed("config.route.v3.Route", **route_)}}
