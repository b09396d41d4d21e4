"""Limits per minute, and consumers that get nothing: files of their own, so that a change of them touches no route."""

from __future__ import annotations

from collections.abc import Iterable

from paceline.gateway.envoy.documents import CLIENT, POLICY, TOKENS, Document, exact, resources, typed
from paceline.gateway.envoy.filters import DENY, LOCAL_RATELIMIT, RBAC, REQUESTS_LIMIT, TOKENS_LIMIT
from paceline.gateway.ir import Denied, Gateway, Policy

#: How many consumers' counters are kept; the longest unused goes first.
_COUNTERS = 100_000
_ALWAYS = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
#: The filter wants a bucket for everybody too; this one never empties.
_ENDLESS = {"max_tokens": 4_000_000_000, "tokens_per_fill": 4_000_000_000, "fill_interval": "1s"}
LIMIT_HEADER = "x-paceline-limit"


def deny_list(denied: Iterable[Denied]) -> Document:
    """Who gets nothing, and why: one look-up, however many they are.

    The names of rules are all that the filter tells the script of a denial. So which budget is used up, and until when,
    is the name of a second rule, which forbids nothing.
    """
    ordered = sorted(denied, key=lambda one: one.client)
    cases = {each.client: _verdict(each.reason.lower(), "DENY") for each in ordered}
    more = {each.client: _verdict(_until(each.budget, each.until_us), "DENY") for each in ordered if each.until_us}
    rules = {"matcher": exact(CLIENT, cases, _verdict("allowed", "ALLOW"))} if cases else {}
    told = {"shadow_matcher": exact(CLIENT, more, _verdict("allowed", "ALLOW"))} if more else {}
    return _filter(DENY, RBAC, rules | told)


def _until(budget: str, until_us: int) -> str:
    """As the script reads it: seconds since 1970, a space, the name."""
    return f"{-(-until_us // 1_000_000)} {budget}"


def _verdict(name: str, action: str) -> Document:
    return {"action": {"name": name, "typed_config": typed("config.rbac.v3.Action", name=name, action=action)}}


def requests_limit(gateway: Gateway) -> Document:
    """Requests per minute of each consumer."""
    buckets = [_bucket(each, each.requests_per_minute) for each in _ordered(gateway) if each.requests_per_minute]
    return _filter(REQUESTS_LIMIT, LOCAL_RATELIMIT, _limit("requestsPerMinute", buckets, {}))


def tokens_limit(gateway: Gateway) -> Document:
    """Tokens per minute of each consumer, counted by the request's estimate."""
    buckets = [_bucket(each, each.tokens_per_minute) for each in _ordered(gateway) if each.tokens_per_minute]
    addend = {"hits_addend": {"format": f"%REQ({TOKENS})%"}}
    return _filter(TOKENS_LIMIT, LOCAL_RATELIMIT, _limit("tokensPerMinute", buckets, addend))


def _ordered(gateway: Gateway) -> list[Policy]:
    return sorted(gateway.policies, key=lambda each: each.name)


def _bucket(policy: Policy, per_minute: int) -> Document:
    return {
        "entries": [{"key": "policy", "value": policy.name}, {"key": "client"}],
        "token_bucket": {"max_tokens": per_minute, "tokens_per_fill": per_minute, "fill_interval": "60s"},
    }


def _limit(name: str, buckets: list[Document], addend: Document) -> Document:
    if not buckets:
        return {"stat_prefix": name}
    descriptors = [
        {"request_headers": {"header_name": POLICY, "descriptor_key": "policy"}},
        {"request_headers": {"header_name": CLIENT, "descriptor_key": "client"}},
    ]
    return {
        "stat_prefix": name,
        "filter_enabled": _ALWAYS,
        "filter_enforced": _ALWAYS,
        "token_bucket": _ENDLESS,
        "descriptors": buckets,
        "rate_limits": [{"actions": descriptors, **addend}],
        "max_dynamic_descriptors": _COUNTERS,
        "local_cluster_rate_limit": {},
        "enable_retry_after_header": True,
        "response_headers_to_add": [{"header": {"key": LIMIT_HEADER, "value": name}}],
    }


def _filter(name: str, kind: str, config: Document) -> Document:
    return resources(typed("config.core.v3.TypedExtensionConfig", name=name, typed_config=typed(kind, **config)))
