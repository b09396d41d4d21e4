"""The listener: how strictly clients are read, and how long they may take."""

from __future__ import annotations

from paceline.gateway.envoy.credentials import CERTIFICATE
from paceline.gateway.envoy.documents import CLIENT, INTERNAL, Document, address, extension, polled, typed, watched
from paceline.gateway.envoy.errors import local_replies
from paceline.gateway.envoy.filters import http_filters
from paceline.gateway.envoy.logs import requests
from paceline.gateway.envoy.routes import NAME
from paceline.gateway.ir import ANYBODY, Gateway, Limits

#: The gateway's own words, and those of proxies before it, of which there are none that it trusts.
_FOREIGN = (INTERNAL, "x-envoy-", "x-forwarded-")
#: Other credentials than the key; and with the organisation's token these would choose which part of it pays.
_FOREIGN_NAMES = (
    *("api-key", "x-api-key", "cookie", "forwarded", "via", "openai-organization", "openai-project"),
    # What an answer used is read in it, so servers may not pack it.
    "accept-encoding",
)
#: What waits in memory for a slow reader. A request's body is bounded by the routes instead.
_CONNECTION_BUFFER = 65536
_WINDOW = 65536


def listener(gateway: Gateway, folder: str) -> Document:
    """The listener for clients."""
    manager = extension(
        "envoy.filters.network.http_connection_manager",
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="gateway",
        rds={"route_config_name": NAME, "config_source": watched(folder, "rds.json")},
        http_filters=http_filters(gateway, folder),
        local_reply_config=local_replies(),
        access_log=[requests(gateway.log_file)],
        access_log_options={"access_log_flush_interval": "1s"},
        early_header_mutation_extensions=[_forget(gateway)],
        **_identity(),
        **_strictness(gateway.listener.limits),
        **_patience(),
    )
    chain: Document = {"filters": [manager]}
    if gateway.listener.tls:
        chain["transport_socket"] = _tls(folder)
    return {
        **typed("config.listener.v3.Listener", name="gateway"),
        "address": address(gateway.listener.address, gateway.listener.port),
        "per_connection_buffer_limit_bytes": _CONNECTION_BUFFER,
        "filter_chains": [chain],
    }


def _forget(gateway: Gateway) -> Document:
    """Removes what a client says in another's name, before anything reads it."""
    mutations: list[Document] = [{"remove_on_match": {"key_matcher": {"prefix": each}}} for each in _FOREIGN]
    mutations += [{"remove": each} for each in _FOREIGN_NAMES]
    if gateway.anonymous:
        everybody = {"key": CLIENT, "value": f"{gateway.anonymous}.{gateway.namespace}.{ANYBODY}"}
        mutations.append({"append": {"header": everybody, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}})
    return extension(
        "paceline.forget",
        "extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
        mutations=mutations,
    )


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
