"""The listeners: how strictly clients are read, and how long they may take."""

from __future__ import annotations

from typing import Any

from paceline.gateway.envoy.credentials import CERTIFICATE
from paceline.gateway.envoy.documents import (
    ASKED,
    CLIENT,
    INTERNAL,
    Document,
    address,
    extension,
    polled,
    typed,
    watched,
)
from paceline.gateway.envoy.errors import local_replies
from paceline.gateway.envoy.filters import asking_filters, http_filters
from paceline.gateway.envoy.logs import requests
from paceline.gateway.envoy.routes import NAME
from paceline.gateway.envoy.tracing import tracing
from paceline.gateway.ir import ANYBODY, Gateway, Limits

#: The gateway's own words, and those of proxies before it, of which there are none that it trusts.
_FOREIGN = (INTERNAL, "x-envoy-", "x-forwarded-")
#: Other credentials than the key; and with the organisation's token these would choose which part of it pays.
_FOREIGN_NAMES = (
    *("api-key", "x-api-key", "cookie", "forwarded", "via", "openai-organization", "openai-project"),
    # What an answer used is read in it, so servers may not pack it.
    "accept-encoding",
)
#: Where the gateway has spans of its own, a client does not choose which requests have some.
_SPANS = ("traceparent", "tracestate")
#: What waits in memory for a slow reader. A request's body is bounded by the routes instead.
_CONNECTION_BUFFER = 65536
_WINDOW = 65536


def listeners(gateway: Gateway, folder: str) -> list[Document]:
    """That for clients, and that for the adapter."""
    return [_clients(gateway, folder), *([_asking(gateway, folder)] if gateway.adapter_port else [])]


def _clients(gateway: Gateway, folder: str) -> Document:
    manager = _manager(
        gateway,
        folder,
        stat_prefix="gateway",
        http_filters=http_filters(gateway, folder),
        early_header_mutation_extensions=[_forget(gateway)],
    )
    chain: Document = {"filters": [manager]}
    if gateway.listener.tls:
        chain["transport_socket"] = _tls(folder)
    return _listener("gateway", address(gateway.listener.address, gateway.listener.port), chain)


def _asking(gateway: Gateway, folder: str) -> Document:
    """For the adapter, on loopback: it says in whose name it asks, and the number of the request."""
    manager = _manager(
        gateway,
        folder,
        stat_prefix="asking",
        http_filters=asking_filters(gateway, folder),
        early_header_mutation_extensions=[_mutation("paceline.asked", [_set(ASKED, "yes")])],
        preserve_external_request_id=True,
    )
    found = _listener("asking", address("127.0.0.1", gateway.asking_port), {"filters": [manager]})
    return {**found, "ignore_global_conn_limit": True}


def _listener(name: str, place: Document, chain: Document) -> Document:
    return {
        **typed("config.listener.v3.Listener", name=name),
        "address": place,
        "per_connection_buffer_limit_bytes": _CONNECTION_BUFFER,
        "filter_chains": [chain],
    }


def _manager(gateway: Gateway, folder: str, **more: Any) -> Document:
    fields = {
        "rds": {"route_config_name": NAME, "config_source": watched(folder, "rds.json")},
        "local_reply_config": local_replies(),
        "access_log": [requests(gateway.log_file)],
        "access_log_options": {"access_log_flush_interval": "1s"},
        **tracing(gateway),
        **_identity(),
        **_strictness(gateway.listener.limits),
        **_patience(),
    }
    return extension(
        "envoy.filters.network.http_connection_manager",
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        **fields | more,
    )


def _forget(gateway: Gateway) -> Document:
    """Removes what a client says in another's name, before anything reads it."""
    mutations: list[Document] = [{"remove_on_match": {"key_matcher": {"prefix": each}}} for each in _FOREIGN]
    mutations += [{"remove": each} for each in (*_FOREIGN_NAMES, *(_SPANS if gateway.tracing else ()))]
    if gateway.anonymous:
        mutations.append(_set(CLIENT, f"{gateway.anonymous}.{gateway.namespace}.{ANYBODY}"))
    return _mutation("paceline.forget", mutations)


def _set(header: str, value: str) -> Document:
    pair = {"key": header, "value": value}
    return {"append": {"header": pair, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}


def _mutation(name: str, mutations: list[Document]) -> Document:
    kind = "extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
    return extension(name, kind, mutations=mutations)


def _identity() -> Document:
    """Every answer says which request it is for; nothing says where a client comes from but the connection."""
    return {
        "server_name": "paceline",
        "use_remote_address": True,
        "skip_xff_append": True,
        "generate_request_id": True,
        "preserve_external_request_id": False,
        "always_set_request_id_in_response": True,
    }


def _strictness(limits: Limits) -> Document:
    return {
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "strip_any_host_port": True,
        "max_request_headers_kb": 32,
        "common_http_protocol_options": {
            "idle_timeout": "900s",
            "max_headers_count": 100,
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        "http2_protocol_options": {
            "max_concurrent_streams": limits.max_streams_per_connection,
            "initial_stream_window_size": _WINDOW,
            "initial_connection_window_size": 16 * _WINDOW,
        },
    }


def _patience() -> Document:
    """For the time until a route is chosen; then the route's own hold."""
    return {
        "request_headers_timeout": "10s",
        "request_timeout": "120s",
        "stream_idle_timeout": "60s",
        "delayed_close_timeout": "1s",
    }


def _tls(folder: str) -> Document:
    certificate = {"name": CERTIFICATE, "sds_config": polled(folder, f"sds/{CERTIFICATE}.json")}
    return extension(
        "envoy.transport_sockets.tls",
        "extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        common_tls_context={
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificate_sds_secret_configs": [certificate],
        },
    )
