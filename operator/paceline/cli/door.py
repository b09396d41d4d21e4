"""The way of `paceline chat` to a model through a Gateway, with a key as its callers have it."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from paceline.api.names import gateway_labels, gateway_service
from paceline.cli import credentials
from paceline.cli.cluster import STREAM_TIMEOUT, Cluster, find
from paceline.cli.console import ExitCode, fail
from paceline.cli.kinds import CONSUMER, GATEWAY
from paceline.cli.portforward import Way, port_forward
from paceline.render.gateway.pod import CLIENTS_PORT

Object = dict[str, Any]


class ThroughGateway:
    """The way into a pod of a Gateway.

    Attributes:
        model: The name that clients of the Gateway use.
        who: Whoever answers, for messages.
    """

    who = "the gateway"

    def __init__(self, way: Way, url: str, model: str, key: str) -> None:
        self._way = way
        self._url = url
        self.model = model
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        transport = httpx.HTTPTransport(uds=way.socket)
        self._http = httpx.Client(timeout=STREAM_TIMEOUT, headers=headers, transport=transport)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @contextmanager
    def post(self, body: dict[str, Any]) -> Iterator[httpx.Response]:
        """Open a streamed answer."""
        try:
            with self._http.stream("POST", f"{self._url}/chat/completions", json=body) as answer:
                yield answer
        except httpx.HTTPError as error:
            words = self._way.problem or str(error) or type(error).__name__
            fail(
                f"the gateway was not reached: {words}",
                "it takes the right to create pods/portforward; of a certificate of your own say where its authority "
                "is: SSL_CERT_FILE=ca.crt",
                ExitCode.UNREACHABLE,
            )


@contextmanager
def through(cluster: Cluster, namespace: str, gateway: str, model: str, key: str) -> Iterator[ThroughGateway]:
    """Open a way to a model through a Gateway for the block.

    Raises:
        CliError: there is no such Gateway, or no pod of it is ready.
    """
    found = find(cluster, GATEWAY, namespace, gateway)
    name = found["metadata"]["name"]
    labels = ",".join(f"{label}={value}" for label, value in gateway_labels(name).items())
    pods = cluster.items(f"/api/v1/namespaces/{namespace}/pods", labelSelector=labels)
    ready = sorted(pod["metadata"]["name"] for pod in pods if _is_ready(pod))
    if not ready:
        see = f"see why: paceline explain gateway/{name} -n {namespace}"
        fail(f"no pod of Gateway {name} is ready.", see, ExitCode.NOT_READY)
    with port_forward(cluster.access, namespace, ready[0], CLIENTS_PORT) as way:
        route = ThroughGateway(way, _url(found), model, key)
        with contextlib.closing(route):
            yield route


def _is_ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _url(gateway: Object) -> str:
    """Base URL as the Gateway's clients write it: it answers for its host names only."""
    metadata, listener = gateway["metadata"], gateway["spec"].get("listener") or {}
    own = f"{gateway_service(metadata['name'])}.{metadata['namespace']}.svc"
    host = (listener.get("hostnames") or [own])[0].replace("*", "paceline")
    return f"{'https' if listener.get('tls') else 'http'}://{host}/v1"


def key_of(cluster: Cluster, namespace: str, gateway: str, consumer: str) -> str:
    """A key of a Consumer, out of its Secret.

    Args:
        cluster: Where.
        namespace: Of the Consumer.
        gateway: Which the Consumer must name.
        consumer: Its name; "": the only one of the namespace that names the Gateway.

    Raises:
        CliError: there is none, or not one only, or its Secret may not be read.
    """
    found = find(cluster, CONSUMER, namespace, consumer) if consumer else _only(cluster, namespace, gateway)
    keys = [each for each in credentials.in_force(found) if each["type"] == "Key"]
    if not keys:
        fail(f"Consumer {found['metadata']['name']} has no key.", "give one with --key-file")
    ref = keys[-1]["key"]["secretRef"]
    secret = cluster.get(f"/api/v1/namespaces/{namespace}/secrets/{ref['name']}") or {}
    value = base64.b64decode((secret.get("data") or {}).get(ref["key"], "")).decode(errors="replace").strip()
    if not value.isascii() or not value.isprintable() or not value:
        words = f"Secret {ref['name']} of namespace {namespace} has no key under {ref['key']}."
        fail(words, f"see why: paceline explain consumer/{found['metadata']['name']} -n {namespace}")
    return value


def _only(cluster: Cluster, namespace: str, gateway: str) -> Object:
    consumers = cluster.items(CONSUMER.path(namespace))
    naming = [each for each in consumers if gateway in {ref["name"] for ref in each["spec"]["gatewayRefs"]}]
    if len(naming) != 1:
        names = ", ".join(sorted(each["metadata"]["name"] for each in naming)) or "none"
        fail(
            f"it must be said with whose key: Consumers of {gateway} in namespace {namespace} are {names}.",
            "give --consumer NAME, or --key-file FILE",
            ExitCode.USAGE,
        )
    return naming[0]
