"""What a proxy starts with: where it finds everything else, and what bounds its memory."""

from __future__ import annotations

from paceline.gateway.envoy.documents import (
    HTTP,
    Document,
    address,
    extension,
    polled,
    seconds,
    typed,
    watched,
)
from paceline.gateway.ir import Gateway, Limits

PEERS = "gateway"
AGENT = "agent"
ADDRESSES = "addresses"
ADAPTER = "adapter"
_LOOPBACK = "127.0.0.1"
#: Under the 75 s after which the adapter closes a connection, or a request would meet one that is being closed.
_ADAPTER_IDLE_SECONDS = 60
#: Requests that hold this much or more (2 to the power of 20, 1 MiB) are those that are reset when memory is short.
_LARGE_REQUEST_POWER = 20
#: What the agent reads, and what tells of Envoy itself. Each cluster has some hundred others, which nobody reads, and
#: the admin interface looks through all that there are.
_COUNTED: tuple[Document, ...] = (
    *(
        {"prefix": each}
        for each in (
            *("cluster_manager.", "extension_config_discovery.", "filesystem.", "http.gateway.", "listener."),
            *("listener_manager.", "main_thread.", "overload.", "runtime.", "sds.", "server."),
        )
    ),
    {"suffix": ".credential_injector.failed"},
    {"contains": ".lua."},
    # By these Envoy itself decides: how many pods share a limit, how many servers may be ejected.
    {"contains": ".membership_"},
    {"contains": ".ejections_active"},
)


def bootstrap(gateway: Gateway, folder: str) -> Document:
    """The file that is named on the command line; it changes with the pod only."""
    return {
        "node": {"id": gateway.name, "cluster": f"{gateway.namespace}.{gateway.name}"},
        "admin": {"address": address(_LOOPBACK, gateway.admin_port)},
        "dynamic_resources": {
            "lds_config": polled(folder, "lds.json"),
            "cds_config": watched(folder, "cds.json"),
            "ads_config": _stream(),
        },
        "static_resources": {"clusters": [_peers(folder), _agent(gateway), _addresses(gateway), *_adapter(gateway)]},
        "cluster_manager": {"local_cluster_name": PEERS},
        # 19 KB less for each cluster that has had no request yet.
        "deferred_stat_options": {"enable_deferred_creation_stats": True},
        "stats_config": {"stats_matcher": {"inclusion_list": {"patterns": list(_COUNTED)}}},
        "overload_manager": _overload(gateway.listener.limits),
    }


def _peers(folder: str) -> Document:
    """This gateway's pods, of which each allows its part of a limit."""
    return {
        "name": PEERS,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": polled(folder, "peers.json")},
    }


def _agent(gateway: Gateway) -> Document:
    return _local(AGENT, gateway.agent_port)


def _addresses(gateway: Gateway) -> Document:
    options = typed(HTTP.removeprefix("envoy."), explicit_http_config={"http2_protocol_options": {}})
    return {**_local(ADDRESSES, gateway.addresses_port), "typed_extension_protocol_options": {HTTP: options}}


def _adapter(gateway: Gateway) -> list[Document]:
    if not gateway.adapter_port:
        return []
    protocol = typed(
        "extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config={"http_protocol_options": {}},
        common_http_protocol_options={"idle_timeout": seconds(_ADAPTER_IDLE_SECONDS)},
    )
    options = {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol}
    bounds = {"per_connection_buffer_limit_bytes": 65536, "typed_extension_protocol_options": options}
    return [_local(ADAPTER, gateway.adapter_port) | bounds]


def _local(name: str, port: int) -> Document:
    endpoint = {"endpoint": {"address": address(_LOOPBACK, port)}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _stream() -> Document:
    """The stream with addresses. An agent that was away for a while is asked again within a second."""
    service = {
        "cluster_name": ADDRESSES,
        "retry_policy": {"retry_back_off": {"base_interval": "0.1s", "max_interval": "1s"}},
    }
    return {
        "api_type": "DELTA_GRPC",
        "transport_api_version": "V3",
        "grpc_services": [{"envoy_grpc": service}],
    }


def _overload(limits: Limits) -> Document:
    heap = extension(
        "envoy.resource_monitors.fixed_heap",
        "extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
        max_heap_size_bytes=limits.heap_bytes,
    )
    connections = extension(
        "envoy.resource_monitors.global_downstream_max_connections",
        "extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        max_active_downstream_connections=limits.max_connections,
    )
    return {
        "refresh_interval": "0.1s",
        "resource_monitors": [heap, connections],
        "buffer_factory_config": {"minimum_account_to_track_power_of_two": _LARGE_REQUEST_POWER},
        "actions": [
            _action("shrink_heap", {"threshold": {"value": 0.8}}),
            _action("reset_high_memory_stream", {"scaled": {"scaling_threshold": 0.85, "saturation_threshold": 0.95}}),
            _action("disable_http_keepalive", {"threshold": {"value": 0.9}}),
            _action("stop_accepting_requests", {"threshold": {"value": 0.95}}),
        ],
        # The reset of large requests knows HTTP/2 only. Here a connection that goes on sending is closed; answers under
        # way are not touched.
        "loadshed_points": [
            {
                "name": "envoy.load_shed_points.http1_server_abort_dispatch",
                "triggers": [_heap({"scaled": {"scaling_threshold": 0.9, "saturation_threshold": 1.0}})],
            }
        ],
    }


def _action(name: str, trigger: Document) -> Document:
    return {"name": f"envoy.overload_actions.{name}", "triggers": [_heap(trigger)]}


def _heap(trigger: Document) -> Document:
    return {"name": "envoy.resource_monitors.fixed_heap", **trigger}
