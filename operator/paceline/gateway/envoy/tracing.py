"""Spans of requests, by the names that OpenTelemetry has for generative AI, without prompts and answers."""

from __future__ import annotations

from paceline.gateway.envoy.documents import PACELINE, Document, extension
from paceline.gateway.ir import Gateway

#: Namespace of what the script has read of a request, only where there are spans.
SPAN = "paceline.span"
#: Of a cluster's metadata.
PROVIDER, BACKEND = "provider", "backend"
_REQUEST = {
    "gen_ai.operation.name": "operation",
    "gen_ai.request.model": "model",
    "gen_ai.request.max_tokens": "max_tokens",
    "gen_ai.request.choice.count": "choices",
    "gen_ai.usage.input_tokens": "input_tokens",
    "gen_ai.usage.output_tokens": "output_tokens",
    "paceline.client": "client",
}
_CLUSTER = {"gen_ai.provider.name": PROVIDER, "paceline.backend": BACKEND}
_LONGEST_PATH = 64


def tracing(gateway: Gateway) -> Document:
    """What a listener does about spans; nothing where there is no collector.

    Whether a request has some follows from its id, so that a request of the adapter has them if its client's has. A
    client's own word on it is removed before (see `listener`), or it could fill the collector.
    """
    wanted = gateway.tracing
    service = next((each for each in gateway.services if wanted and each.name == wanted.service), None)
    if wanted is None or service is None:
        return {}
    uri = {"uri": f"http://{service.host}:{service.port}/v1/traces", "cluster": service.name, "timeout": "5s"}
    provider = extension(
        "envoy.tracers.opentelemetry",
        "config.trace.v3.OpenTelemetryConfig",
        http_service={"http_uri": uri},
        service_name=f"{gateway.namespace}.{gateway.name}",
    )
    spans = {
        "provider": provider,
        "client_sampling": {"value": 0},
        "random_sampling": {"value": wanted.percent},
        "spawn_upstream_span": True,
        "max_path_tag_length": _LONGEST_PATH,
        "operation": f"%DYNAMIC_METADATA({SPAN}:operation)% %DYNAMIC_METADATA({SPAN}:model)%",
        "custom_tags": [
            *(_tag(name, "request", SPAN, key) for name, key in _REQUEST.items()),
            *(_tag(name, "cluster", PACELINE, key) for name, key in _CLUSTER.items()),
        ],
    }
    return {"tracing": spans}


def _tag(name: str, kind: str, namespace: str, key: str) -> Document:
    place = {"key": namespace, "path": [{"key": key}]}
    return {"tag": name, "metadata": {"kind": {kind: {}}, "metadata_key": place}}
