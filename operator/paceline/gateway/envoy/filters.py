"""The filters that every request passes, in this order: who asks, what is asked, may they now, then the router."""

from __future__ import annotations

from paceline.gateway import lua
from paceline.gateway.envoy.bootstrap import AGENT
from paceline.gateway.envoy.documents import (
    ADMISSION,
    INTERNAL,
    KEYS,
    OPTIONAL_ADMISSION,
    REQUEST,
    Document,
    extension,
    polled,
    typed,
    watched,
)
from paceline.gateway.envoy.logs import attempts
from paceline.gateway.envoy.tokens import token_filters, unless_known
from paceline.gateway.envoy.tracing import SPAN
from paceline.gateway.ir import Gateway

DENY, REQUESTS_LIMIT, TOKENS_LIMIT = "deny", "limit-requests", "limit-tokens"
RBAC = "extensions.filters.http.rbac.v3.RBAC"
LOCAL_RATELIMIT = "extensions.filters.http.local_ratelimit.v3.LocalRateLimit"


def http_filters(gateway: Gateway, folder: str) -> list[Document]:
    """The chain. What changes often comes from files of its own, because a change of the chain closes connections."""
    return [
        *token_filters(gateway, folder),
        *_keys(gateway),
        _buffer(gateway),
        _script(gateway, folder),
        _discovered(DENY, RBAC, watched(folder, f"{DENY}.json")),
        _discovered(REQUESTS_LIMIT, LOCAL_RATELIMIT, polled(folder, f"{REQUESTS_LIMIT}.json")),
        _discovered(TOKENS_LIMIT, LOCAL_RATELIMIT, polled(folder, f"{TOKENS_LIMIT}.json")),
        _admission(ADMISSION, optional=False),
        _admission(OPTIONAL_ADMISSION, optional=True),
        _router(gateway),
    ]


def asking_filters(gateway: Gateway, folder: str) -> list[Document]:
    """What requests of the adapter pass: whether they may be made was settled when their clients' came."""
    return [_buffer(gateway), _script(gateway, folder), _router(gateway)]


def _keys(gateway: Gateway) -> list[Document]:
    keys = extension(KEYS, "extensions.filters.http.api_key_auth.v3.ApiKeyAuth")
    if gateway.anonymous:
        return []
    return [unless_known(keys) if gateway.issuers else keys]


def _buffer(gateway: Gateway) -> Document:
    """Holds the body until it is whole. A limit of routes comes too late: none is chosen before the body is read."""
    return extension(
        "envoy.filters.http.buffer",
        "extensions.filters.http.buffer.v3.Buffer",
        max_request_bytes=gateway.listener.limits.max_request_bytes,
    )


def _script(gateway: Gateway, folder: str) -> Document:
    source = {"filename": f"{folder}/lua/{lua.request().name}"}
    context: Document = {"filter_context": {"span": SPAN}} if gateway.tracing else {}
    return extension(REQUEST, "extensions.filters.http.lua.v3.Lua", default_source_code=source, **context)


def _discovered(name: str, kind: str, source: Document) -> Document:
    return {"name": name, "config_discovery": {"config_source": source, "type_urls": [typed(kind)["@type"]]}}


def _admission(name: str, *, optional: bool) -> Document:
    """Asks only where a route says whom. What becomes of requests without an answer cannot be said by routes.

    It cannot be disabled here: which filters a request passes is settled before its route is known.
    """
    nobody = {"uri": "http://nobody", "cluster": AGENT, "timeout": "1s"}
    return extension(
        name,
        "extensions.filters.http.ext_authz.v3.ExtAuthz",
        http_service={"server_uri": nobody},
        allowed_headers={"patterns": [{"prefix": INTERNAL}, {"exact": "x-request-id"}]},
        status_on_error={"code": "ServiceUnavailable"},
        failure_mode_allow=optional,
    )


def _router(gateway: Gateway) -> Document:
    return extension(
        "envoy.filters.http.router",
        "extensions.filters.http.router.v3.Router",
        suppress_envoy_headers=True,
        upstream_log=[attempts(gateway.log_file)],
        upstream_log_options={"flush_upstream_log_on_upstream_stream": True},
    )
