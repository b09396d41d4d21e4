"""The pod of a Gateway: Envoy, the agent that brings it its configuration, and perhaps who checks answers.

It passes Pod Security "restricted".

The agent runs before Envoy starts and until after it has ended: Envoy finds its files there, and its last lines are
shipped. Envoy knows no drain on SIGTERM; so the agent's hook begins one, and Envoy's is answered when it is done.
"""

from __future__ import annotations

from collections.abc import Mapping

from paceline.api.gateway import Gateway
from paceline.api.names import gateway_labels
from paceline.api.revision import CONTAINED
from paceline.render.gateway import authority
from paceline.render.gateway.metadata import child
from paceline.render.gateway.setup import GatewaySetup
from paceline.render.labels import Manifest

#: Where Envoy listens; the Service has the listener's port.
CLIENTS_PORT = 8080
#: Of the agent: probes, metrics, and the end of a drain.
AGENT_PORT = 9003
#: Of the agent, on loopback only: the list of models, and the beginning of a drain.
LOCAL_PORT = 9002
#: Of the adapter, on loopback only: requests of Envoy; and of Envoy: those of the adapter.
ADAPTER_LOCAL_PORT, ASKING_PORT = 9004, 9005
#: Of the adapter: probes and metrics.
ADAPTER_PORT = 9006
#: Of the agent, on loopback only: addresses of pods on a stream for Envoy.
ADDRESSES_PORT = 9007
#: Envoy's files, in memory because keys are among them.
FILES = "/etc/paceline/gateway"
SECRETS = "/etc/paceline/secrets"
LOGS = "/var/log/paceline"
TOKENS = "/var/run/secrets/paceline"
TOKEN_FILE = f"{TOKENS}/token"
_AUTHORITY = "/etc/paceline/authority"
#: Certificate of who signed those of the operator and of the ledger.
AUTHORITY_FILE = f"{_AUTHORITY}/{authority.KEY}"
#: Whom tokens are for.
AUDIENCE = "paceline"
_USER = 65532
#: The longest answer where no route says anything.
_ANSWER_SECONDS = 600
#: From the end of the longest answer until the records of the last ones are shipped.
_AFTER_SECONDS = 30
#: Days: a pod that finds no operator waits, and is not started anew for it.
_PATIENCE = 1_000_000


def pod_spec(gateway: Gateway, setup: GatewaySetup, mounted: Mapping[str, tuple[str, ...]]) -> Manifest:
    """Spec of the pod template.

    Args:
        gateway: What is asked.
        setup: What holds for all gateways.
        mounted: Keys by Secret. They are optional: a pod serves what it can without one, and says which is missing.
    """
    spread = {
        "maxSkew": 1,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": gateway_labels(gateway.name)},
    }
    return {
        "serviceAccountName": child(gateway),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": longest_seconds(gateway) + _AFTER_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "fsGroup": _USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            {**spread, "topologyKey": key} for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
        ],
        "initContainers": [_agent(gateway, setup), *([_adapter(setup)] if setup.adapter else [])],
        "containers": [_proxy(setup, mounted)],
        "volumes": [
            {"name": "files", "emptyDir": {"medium": "Memory", "sizeLimit": "256Mi"}},
            {"name": "logs", "emptyDir": {"sizeLimit": "4Gi"}},
            {"name": "authority", "configMap": {"name": child(gateway)}},
            {
                "name": "token",
                "projected": {"sources": [{"serviceAccountToken": {"path": "token", "audience": AUDIENCE}}]},
            },
            *(_secret(number, name, keys) for number, (name, keys) in enumerate(sorted(mounted.items()))),
        ],
    }


def longest_seconds(gateway: Gateway) -> int:
    """How long a pod that ends waits for its answers: the longest of all routes, in steps.

    A change of the figure replaces all pods, so it is 10 minutes times a power of two.
    """
    wanted = max((route.timeout_seconds for route in gateway.spec.routes), default=_ANSWER_SECONDS)
    seconds = _ANSWER_SECONDS
    while seconds < wanted:
        seconds *= 2
    return seconds


def _proxy(setup: GatewaySetup, mounted: Mapping[str, tuple[str, ...]]) -> Manifest:
    return {
        "name": "envoy",
        "image": setup.proxy_image,
        "command": ["envoy"],
        "args": [
            # Envoy knows no --name=value.
            *("--config-path", f"{FILES}/bootstrap.json"),
            "--disable-hot-restart",
            "--reject-unknown-dynamic-fields",
            *("--log-level", "warning"),
            # What it says against a file is nowhere but in its log; the agent reads it there and passes it on.
            *("--log-path", f"{LOGS}/envoy.log"),
            *("--file-flush-interval-msec", "100"),
        ],
        "ports": [{"name": "clients", "containerPort": CLIENTS_PORT, "protocol": "TCP"}],
        "livenessProbe": {
            "tcpSocket": {"port": "clients"}, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6,
        },
        "lifecycle": {"preStop": {"httpGet": {"path": "/drained", "port": AGENT_PORT, "scheme": "HTTP"}}},
        "resources": {"requests": {"cpu": "500m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": CONTAINED,
        "volumeMounts": [
            {"name": "files", "mountPath": FILES, "readOnly": True},
            {"name": "logs", "mountPath": LOGS},
            # For the ledger, which it asks for admission.
            *_ours(),
            *(
                {"name": f"secret-{number}", "mountPath": f"{SECRETS}/{name}", "readOnly": True}
                for number, name in enumerate(sorted(mounted))
            ),
        ],
    }  # fmt: skip


def _agent(gateway: Gateway, setup: GatewaySetup) -> Manifest:
    """A container that starts before the others and ends after them."""
    return {
        "name": "agent",
        "image": setup.agent_image,
        "restartPolicy": "Always",
        "command": ["paceline", "gateway-agent"],
        "args": [
            f"--gateway={gateway.namespace}/{gateway.name}",
            f"--operator={setup.operator_url}",
            f"--ledger={setup.ledger_url}",
            f"--ca-file={AUTHORITY_FILE}",
            f"--token-file={TOKEN_FILE}",
            f"--folder={FILES}",
            f"--logs={LOGS}",
            f"--port={AGENT_PORT}",
            f"--local-port={LOCAL_PORT}",
            f"--addresses-port={ADDRESSES_PORT}",
            f"--drain-seconds={longest_seconds(gateway)}",
        ],
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "ports": [{"name": "metrics", "containerPort": AGENT_PORT, "protocol": "TCP"}],
        # Envoy is started when its files are there.
        "startupProbe": _probe("/started", 1, _PATIENCE),
        "readinessProbe": _probe("/readyz", 5, 2),
        "livenessProbe": _probe("/healthz", 10, 6),
        "lifecycle": {"preStop": {"exec": {"command": ["paceline", "gateway-agent", "drain", f"--port={LOCAL_PORT}"]}}},
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": CONTAINED,
        "volumeMounts": [
            {"name": "files", "mountPath": FILES},
            {"name": "logs", "mountPath": LOGS},
            *_ours(),
        ],
    }


def _adapter(setup: GatewaySetup) -> Manifest:
    """Like the agent there before Envoy and after it. Nobody waits for it to start: few routes need it."""
    return {
        "name": "adapter",
        "image": setup.agent_image,
        "restartPolicy": "Always",
        "command": ["paceline", "gateway-adapter"],
        "args": [
            f"--folder={FILES}",
            f"--asking=http://127.0.0.1:{ASKING_PORT}",
            f"--local-port={ADAPTER_LOCAL_PORT}",
            f"--port={ADAPTER_PORT}",
        ],
        "ports": [{"name": "adapter-metrics", "containerPort": ADAPTER_PORT, "protocol": "TCP"}],
        "livenessProbe": {
            "httpGet": {"path": "/healthz", "port": "adapter-metrics", "scheme": "HTTP"},
            "initialDelaySeconds": 10, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6,
        },
        "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "768Mi"}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": CONTAINED,
        "volumeMounts": [{"name": "files", "mountPath": FILES, "readOnly": True}],
    }  # fmt: skip


def _ours() -> list[Manifest]:
    """By what our own services are known, and the pod to them."""
    return [
        {"name": "authority", "mountPath": _AUTHORITY, "readOnly": True},
        {"name": "token", "mountPath": TOKENS, "readOnly": True},
    ]


def _probe(path: str, period: int, failures: int) -> Manifest:
    return {
        "httpGet": {"path": path, "port": "metrics", "scheme": "HTTP"},
        "periodSeconds": period,
        "timeoutSeconds": 2,
        "failureThreshold": failures,
    }


def _secret(number: int, name: str, keys: tuple[str, ...]) -> Manifest:
    """One volume each: Envoy notices a change by the link that Kubernetes replaces in the volume's root."""
    items = [{"key": key, "path": key} for key in sorted(keys)]
    secret = {"secretName": name, "items": items, "optional": True, "defaultMode": 0o440}
    return {"name": f"secret-{number}", "secret": secret}
