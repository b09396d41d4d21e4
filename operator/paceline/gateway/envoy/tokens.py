"""Signed tokens: who checks them, and how what they say becomes the client of a request.

A token that is right gives the request its client; a request that has none then needs a key. Envoy has the issuers'
keys from the agent, which finds them by discovery and, for the cluster's own issuer, has them from the operator: Envoy
can do neither.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from paceline.gateway import lua
from paceline.gateway.envoy.bootstrap import AGENT
from paceline.gateway.envoy.documents import (
    CLIENT,
    IDENTITY,
    KEYS,
    TOKENS_FILTER,
    Document,
    extension,
    input_header,
    typed,
)
from paceline.gateway.ir import Gateway, Issuer

_JWT = "extensions.filters.http.jwt_authn.v3."
#: In which Envoy keeps what it has read of a token; the script reads it there.
_CLAIMS, _FAILURE = "claims", "failure"
_SKIP = "extensions.filters.common.matcher.action.v3.SkipFilter"
#: How long the issuer's keys are used before the agent is asked for them again, so long may it be away.
_KEYS_SECONDS = 300


def token_filters(gateway: Gateway, folder: str) -> list[Document]:
    """Nothing where no consumer has tokens, so that requests with keys pay nothing for them."""
    if gateway.anonymous or not gateway.issuers:
        return []
    source = {"filename": f"{folder}/lua/{lua.identity().name}"}
    return [
        _verified(gateway.issuers),
        extension(IDENTITY, "extensions.filters.http.lua.v3.Lua", default_source_code=source),
    ]


def _verified(issuers: tuple[Issuer, ...]) -> Document:
    """Checks whatever token there is. What it does not take it lets through as if there were none."""
    providers = {each.id: _provider(each) for each in issuers}
    anything: Document = {"allow_missing_or_failed": {}}
    return extension(
        TOKENS_FILTER,
        f"{_JWT}JwtAuthentication",
        providers=providers,
        rules=[{"match": {"prefix": "/"}, "requires": anything}],
    )


def _provider(issuer: Issuer) -> Document:
    return {
        "issuer": issuer.address,
        "require_expiration": True,
        "payload_in_metadata": _CLAIMS,
        "failed_status_in_metadata": _FAILURE,
        # Without this a token in the address would do, too.
        "from_headers": [{"name": "Authorization", "value_prefix": "Bearer "}],
        "remote_jwks": {
            "http_uri": {"uri": f"http://agent/jwks/{issuer.id}", "cluster": AGENT, "timeout": "5s"},
            "cache_duration": f"{_KEYS_SECONDS}s",
            "async_fetch": {"fast_listener": True},
        },
    }


def unless_known(keys: Document) -> Document:
    """The filter of keys, for requests that have no client yet."""
    known = {
        "predicate": {
            "single_predicate": {
                "input": input_header(CLIENT),
                "value_match": {"safe_regex": {"google_re2": {}, "regex": ".+"}},
            }
        },
        "on_match": {"action": {"name": "skip", "typed_config": typed(_SKIP)}},
    }
    return {
        "name": KEYS,
        "typed_config": typed(
            "extensions.common.matching.v3.ExtensionWithMatcher",
            extension_config=keys,
            xds_matcher={"matcher_list": {"matchers": [known]}},
        ),
    }


def identities(gateway: Gateway) -> Mapping[str, Mapping[str, str]]:
    """Clients by issuer and subject, and by audience: two look-ups, however many there are."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for each in gateway.identities:
        for audience in each.audiences:
            found[f"{each.issuer} {each.subject}"][audience] = each.client
    return {name: dict(sorted(found[name].items())) for name in sorted(found)}
