"""Clusters: servers that answer alike, how they are found, chosen, watched and spoken to."""

from __future__ import annotations

import json

from paceline.gateway.envoy.documents import (
    HASH,
    HTTP,
    PACELINE,
    Document,
    address,
    extension,
    streamed,
    typed,
    watched,
)
from paceline.gateway.envoy.endpoints import by_file
from paceline.gateway.envoy.logs import LABELS
from paceline.gateway.envoy.rewriting import alike, copying
from paceline.gateway.envoy.tracing import BACKEND, PROVIDER
from paceline.gateway.envoy.upstream import service_filters, upstream_filters
from paceline.gateway.ir import Cluster, External, Gateway, Limits, Pods, Service

#: Under vLLM's 5 s, or a request would meet a connection that is being closed.
_IDLE_SECONDS = 4
#: A server may have half more than its fair share before a prompt that it has seen goes elsewhere.
_HASH_BALANCE = 150


def clusters(gateway: Gateway, folder: str) -> list[Document]:
    """All clusters but the static ones."""
    limits, source = gateway.listener.limits, folder if by_file(gateway) else ""
    ready, copies = alike(gateway), copying(gateway)
    filters = {
        each.name: upstream_filters(each, folder, rewritten=each.name in ready, copied=each.name in copies)
        for each in gateway.clusters
    }
    ordered = sorted(gateway.clusters, key=lambda each: each.name)
    return [
        *(_cluster(each, limits, source, filters[each.name], traced=bool(gateway.tracing)) for each in ordered),
        *(_service(each, limits, folder) for each in sorted(gateway.services, key=lambda each: each.name)),
    ]


def _cluster(cluster: Cluster, limits: Limits, source: str, filters: list[Document], *, traced: bool) -> Document:
    found = cluster.servers
    place = _external(cluster.name, found) if isinstance(found, External) else _pods(cluster.name, found, source)
    protocol: Document = {"auto_config": {}}
    if isinstance(found, Pods):
        protocol = {
            "explicit_http_config": {"http_protocol_options": {}},
            "common_http_protocol_options": {"idle_timeout": f"{_IDLE_SECONDS}s"},
        }
    options = typed(HTTP.removeprefix("envoy."), **protocol, http_filters=filters)
    return {
        **_base(cluster.name, limits),
        **place,
        "load_balancing_policy": _balance(cluster),
        "outlier_detection": _outliers(),
        "typed_extension_protocol_options": {HTTP: options},
        "metadata": {"filter_metadata": {PACELINE: _said(cluster, traced=traced)}},
    }


def _said(cluster: Cluster, *, traced: bool) -> Document:
    """What records and spans say of a cluster."""
    labels = dict(cluster.labels)
    found = {LABELS: json.dumps(labels)}
    if traced:
        provider = cluster.servers.host if isinstance(cluster.servers, External) else PACELINE
        found |= {PROVIDER: provider, BACKEND: labels.get("backend", cluster.name)}
    return found


def _base(name: str, limits: Limits) -> Document:
    """The default of 1,024 requests at a time would be met by one busy model; the listener's limit bounds them all."""
    most = limits.max_connections
    bounds = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests", "max_retries"), most)
    return {
        **typed("config.cluster.v3.Cluster", name=name),
        "connect_timeout": "2s",
        "circuit_breakers": {"thresholds": [bounds]},
        "per_connection_buffer_limit_bytes": 65536,
    }


def _pods(name: str, pods: Pods, source: str) -> Document:
    place = f"eds/{name}.json"
    config = {"eds_config": watched(source, place)} if source else {"eds_config": streamed(), "service_name": place}
    found: Document = {"type": "EDS", "eds_cluster_config": config, "ignore_health_on_host_removal": True}
    if pods.health_path:
        found["health_checks"] = [
            {
                "timeout": "2s",
                "interval": "5s",
                "no_traffic_interval": "30s",
                "unhealthy_threshold": 2,
                "healthy_threshold": 1,
                "http_health_check": {"path": pods.health_path},
            }
        ]
    return found


def _external(name: str, external: External) -> Document:
    return {
        "type": "LOGICAL_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "load_assignment": _named(name, external.host, external.port),
        "transport_socket": _tls(external.host, external.ca_file),
    }


def _service(service: Service, limits: Limits, folder: str) -> Document:
    protocol: Document = {"explicit_http_config": {"http_protocol_options": {}}}
    options = typed(HTTP.removeprefix("envoy."), **protocol, http_filters=service_filters(service, folder))
    found = {**_base(service.name, limits), "type": "STRICT_DNS", "dns_lookup_family": "V4_PREFERRED"}
    found["typed_extension_protocol_options"] = {HTTP: options}
    found["load_assignment"] = _named(service.name, service.host, service.port)
    if service.ca_file:
        found["transport_socket"] = _tls(service.host, service.ca_file)
    return found


def _named(cluster: str, host: str, port: int) -> Document:
    endpoint = {"endpoint": {"address": address(host, port), "hostname": host}}
    return {"cluster_name": cluster, "endpoints": [{"lb_endpoints": [endpoint]}]}


def _tls(host: str, ca_file: str) -> Document:
    """TLS to a server that can prove that it has this name."""
    name = {"san_type": "DNS", "matcher": {"exact": host}}
    validation = {"trusted_ca": {"filename": ca_file}, "match_typed_subject_alt_names": [name]}
    return extension(
        "envoy.transport_sockets.tls",
        "extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        sni=host,
        common_tls_context={
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "validation_context": validation,
        },
    )


def _outliers() -> Document:
    """Five failures in a row take a server out for 10 s, then 20 s and so on, but never more than half of them."""
    return {
        "consecutive_5xx": 5,
        "interval": "2s",
        "base_ejection_time": "10s",
        "max_ejection_time": "120s",
        "max_ejection_percent": 50,
        "enforcing_success_rate": 0,
    }


def _balance(cluster: Cluster) -> Document:
    policies = "envoy.load_balancing_policies"
    if cluster.balance == "PrefixAffinity":
        policy = extension(
            f"{policies}.ring_hash",
            "extensions.load_balancing_policies.ring_hash.v3.RingHash",
            consistent_hashing_lb_config={
                "hash_balance_factor": _HASH_BALANCE,
                "hash_policy": [{"header": {"header_name": HASH}}],
            },
        )
    else:
        policy = extension(
            f"{policies}.least_request",
            "extensions.load_balancing_policies.least_request.v3.LeastRequest",
            selection_method="FULL_SCAN",
        )
    return {"policies": [{"typed_extension_config": policy}]}
