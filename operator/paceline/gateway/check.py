"""What is wrong with neutral routes, for each object by itself, so that one bad object does not stop the others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import TypeVar

from paceline.gateway.ir import (
    Check,
    Cluster,
    Endpoint,
    External,
    Gateway,
    Identity,
    Key,
    Pods,
    Policy,
    Problem,
    Refusal,
    Route,
    Service,
    Target,
)

#: A prompt is copied into each of its requests.
MAX_PROMPT_BYTES = 65_536
#: Of a schema; the adapter has it in memory.
MAX_SCHEMA_BYTES = 65_536
#: 128 bits in base64.
MIN_KEY_LENGTH = 22
#: Names become parts of paths, and of the names of metrics, whose parts are told apart by dots.
_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,125}[a-z0-9])?")
_TAKEN = {"adapter", "agent", "asking", "certificate", "gateway"}
#: What the script lets into a header and into records.
_MODEL = re.compile(r"[!#-\[\]-~]{1,256}")
_PATTERN = re.compile(r"[!-)+-~]{0,256}\*?")
_DIGEST = re.compile(r"[0-9a-f]{6,64}")
_LABEL = "[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_HOSTNAME = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")
#: A dot, and a last part that begins with a letter: no address in any spelling.
_HOST = re.compile(rf"({_LABEL}\.)+[a-z]([a-z0-9-]*[a-z0-9])?")
_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
_CODE = re.compile(r"[a-z_]{1,64}")
_TOKEN = re.compile(r"[!-~]+")

Item = TypeVar("Item")


def check(gateway: Gateway, secrets: Mapping[str, str]) -> tuple[Problem, ...]:
    """Everything that is wrong, in the order of kinds and names.

    Args:
        gateway: What a translation made.
        secrets: Keys by their reference.
    """
    found = [
        *_each("Gateway", [gateway], lambda one: one.name, _gateway),
        *_each("Policy", gateway.policies, lambda one: one.name, _policy),
        *_each("Cluster", gateway.clusters, lambda one: one.name, _cluster),
        *_each("Service", gateway.services, lambda one: one.name, _service),
    ]
    whole = sound(gateway, found)
    policies = {each.name for each in whole.policies}
    clusters, services = {each.name for each in whole.clusters}, {each.name for each in whole.services}
    values = Counter(secrets.get(key.reference) for key in gateway.keys)
    found += _each("Key", gateway.keys, lambda one: one.reference, lambda one: _key(one, policies, secrets, values))
    issuers = {each.address for each in gateway.issuers}
    found += _each("Identity", gateway.identities, lambda one: one.name, lambda one: _identity(one, policies, issuers))
    checked = bool(gateway.adapter_port)
    found += _each("Route", gateway.routes, lambda one: one.model, lambda one: _route(one, clusters, services, checked))
    return tuple(sorted(found))


def sound(gateway: Gateway, problems: Iterable[Problem]) -> Gateway:
    """The gateway without the objects that have problems. Problems of kind Gateway stay: nothing can be done then."""
    bad = {(each.kind, each.name) for each in problems}
    return replace(
        gateway,
        policies=tuple(each for each in gateway.policies if ("Policy", each.name) not in bad),
        keys=tuple(each for each in gateway.keys if ("Key", each.reference) not in bad),
        identities=tuple(each for each in gateway.identities if ("Identity", each.name) not in bad),
        routes=tuple(each for each in gateway.routes if ("Route", each.model) not in bad),
        clusters=tuple(each for each in gateway.clusters if ("Cluster", each.name) not in bad),
        services=tuple(each for each in gateway.services if ("Service", each.name) not in bad),
    )


def _each(
    kind: str, items: Iterable[Item], name: Callable[[Item], str], rules: Callable[[Item], Iterator[str]]
) -> list[Problem]:
    every = list(items)
    often = Counter(map(name, every))
    found = [Problem(kind, each, "There is more than one of this name.") for each, times in often.items() if times > 1]
    return found + [Problem(kind, name(item), message) for item in every for message in rules(item)]


def is_path(text: str) -> bool:
    """Whether a path has no part that a proxy could read otherwise than a server."""
    return bool(_PATH.fullmatch(text))


def _gateway(gateway: Gateway) -> Iterator[str]:
    listener = gateway.listener
    for hostname in listener.hostnames:
        if not _HOSTNAME.fullmatch(hostname):
            yield f"{hostname!r} is no host name."
    ports = [listener.port, gateway.agent_port, gateway.admin_port, gateway.addresses_port]
    ports += [gateway.adapter_port, gateway.asking_port] if gateway.adapter_port else []
    if len(set(ports)) < len(ports):
        yield "The ports of listener, agent, administration and adapter must differ."
    if gateway.anonymous and gateway.anonymous not in {each.name for each in gateway.policies}:
        yield f"There is no policy {gateway.anonymous!r} for callers without a key."


def _policy(policy: Policy) -> Iterator[str]:
    if not _DIGEST.fullmatch(policy.digest):
        yield "The digest must be 6 to 64 hexadecimal digits."
    for pattern in policy.models:
        if not pattern or not _PATTERN.fullmatch(pattern):
            yield f"{pattern!r} is neither a model nor the begin of one and a '*'."
    if min(policy.requests_per_minute, policy.tokens_per_minute) < 0:
        yield "Limits may not be negative."


def _key(key: Key, policies: set[str], secrets: Mapping[str, str], values: Counter[str | None]) -> Iterator[str]:
    if key.policy not in policies:
        yield f"There is no policy {key.policy!r}."
    if not all(_NAME.fullmatch(each) for each in (key.namespace, key.consumer)):
        yield "Namespace and consumer must be names of Kubernetes objects."
    value = secrets.get(key.reference)
    if value is None:
        yield "The key is not there."
    elif len(value) < MIN_KEY_LENGTH or not _TOKEN.fullmatch(value):
        yield f"A key must be at least {MIN_KEY_LENGTH} printable characters without spaces."
    elif values[value] > 1:
        yield "Another consumer, or this one, has the same key under another name."


def _identity(identity: Identity, policies: set[str], issuers: set[str]) -> Iterator[str]:
    if identity.policy not in policies:
        yield f"There is no policy {identity.policy!r}."
    if identity.issuer not in issuers:
        yield f"There is no issuer {identity.issuer!r}."
    if not all(_NAME.fullmatch(each) for each in (identity.namespace, identity.consumer)):
        yield "Namespace and consumer must be names of Kubernetes objects."


def _route(route: Route, clusters: set[str], services: set[str], checked: bool) -> Iterator[str]:
    if not _MODEL.fullmatch(route.model):
        yield "A model is at most 256 printable characters without spaces."
    if not route.branches:
        yield "Nobody answers."
    for branch in route.branches:
        if isinstance(branch.target, Refusal):
            yield from _refusal(branch.target)
        else:
            yield from _target(branch.target, clusters, services)
            if branch.target.check:
                yield from _check(branch.target.check, checked)


def _refusal(refusal: Refusal) -> Iterator[str]:
    if refusal.status not in {403, 404, 503} or not _CODE.fullmatch(refusal.code):
        yield "A refusal has status 403, 404 or 503, and a code of lower-case letters and '_'."


def _target(target: Target, clusters: set[str], services: set[str]) -> Iterator[str]:
    if not target.groups:
        yield "Nobody answers."
    for group in target.groups:
        if not any(share.weight > 0 for share in group):
            yield "A priority needs a cluster with a weight above 0."
        for name in sorted({share.cluster for share in group} - clusters):
            yield f"There is no usable cluster {name!r}."
    if not 1 <= target.first_byte_seconds <= target.timeout_seconds:
        yield "The time to the first byte must be at least 1 s and at most the time of the whole answer."
    if target.prompt and len(target.prompt.text.encode("utf-8", "surrogatepass")) > MAX_PROMPT_BYTES:
        yield f"A prompt may have at most {MAX_PROMPT_BYTES} bytes."
    if target.mirror and target.mirror.cluster not in clusters:
        yield f"There is no usable cluster {target.mirror.cluster!r} for copies."
    if target.mirror and not 1 <= target.mirror.percent <= 100:
        yield "Copies are sent of 1 to 100 % of the requests."
    if target.admission and target.admission.service not in services:
        yield f"There is no usable service {target.admission.service!r}."


def _check(found: Check, checked: bool) -> Iterator[str]:
    if not checked:
        yield "There is no adapter that checks answers."
    if len(found.schema.encode("utf-8", "surrogatepass")) > MAX_SCHEMA_BYTES:
        yield f"A schema may have at most {MAX_SCHEMA_BYTES} bytes."


def _cluster(cluster: Cluster) -> Iterator[str]:
    yield from _name(cluster.name)
    if not _MODEL.fullmatch(cluster.model):
        yield "A model is at most 256 printable characters without spaces."
    if isinstance(cluster.servers, Pods):
        yield from _pods(cluster.servers)
    else:
        yield from _external(cluster.servers)


def _external(external: External) -> Iterator[str]:
    if not _HOST.fullmatch(external.host):
        yield f"{external.host!r} must be the name of a host, with a dot and in lower case, and no address."
    if not is_path(external.path):
        yield f"{external.path!r} is no path."


def _pods(pods: Pods) -> Iterator[str]:
    if pods.health_path and not is_path(pods.health_path):
        yield f"{pods.health_path!r} is no path."
    for each in pods.endpoints:
        if not _is_address(each):
            yield f"{each.address!r}, port {each.port} is no address of a server."


def _is_address(endpoint: Endpoint) -> bool:
    """Whether a proxy can connect to it. One that is none would make it refuse all clusters."""
    try:
        ip_address(endpoint.address)
    except ValueError:
        return False
    return 1 <= endpoint.port <= 65535


def _service(service: Service) -> Iterator[str]:
    yield from _name(service.name)
    if not _HOST.fullmatch(service.host):
        yield f"{service.host!r} must be the name of a host, with a dot and in lower case."


def _name(name: str) -> Iterator[str]:
    if not _NAME.fullmatch(name) or name in _TAKEN:
        yield "The name must be lower-case letters, digits, '-' and '_', and none that the gateway uses itself."
