"""Names of children. Nothing is ever truncated: owners have at most 52 characters, so 11 more stay a DNS label."""

from __future__ import annotations

from paceline.api.digest import short

LABEL_OWNER = "paceline.dev/modeldeployment"
LABEL_GATEWAY = "paceline.dev/gateway"
LABEL_REVISION = "paceline.dev/revision"
#: On pods that look sources up: the digest of what was asked.
LABEL_SOURCES = "paceline.dev/sources"
ANNOTATION_APPLIED = "paceline.dev/applied-digest"

#: Selects every child of every ModelDeployment.
CHILD_SELECTOR = f"app.kubernetes.io/managed-by=paceline,{LABEL_OWNER}"

#: Ends the name of the Secret with the key that an engine asks for.
ENGINE_KEY = "engine-key"

#: Ends the name of the Secret with the key that is generated for a Consumer.
CONSUMER_KEY = "key"
#: Where in that Secret the key is.
CONSUMER_TOKEN = "token"  # noqa: S105 - a name

#: Brings the token of who reads the ledger by way of the API server, whose proxy passes no Authorization header on.
TOKEN_HEADER = "X-Paceline-Token"  # noqa: S105 - a name

#: Of every key of a Consumer. It never begins with "-", which a command line would take for an option, and scanners of
#: secrets can know it.
KEY_PREFIX = "pl_"

#: All children that run and expose the engine share a name.
ENGINE_ROLE = "engine"
#: What looks up the model's sources before there is an engine.
FETCH_ROLE = "fetch"
GATEWAY_ROLE = "gateway"
LEDGER_ROLE = "ledger"


def child_name(namespace: str, owner: str, role: str = ENGINE_ROLE) -> str:
    """Name of a child: "<owner>-<8 hex>".

    The digest covers namespace, owner and role, so children of "a" with role "b-c" and of "a-b" with role "c" differ.
    """
    return f"{owner}-{short([namespace, owner, role])}"


def key_secret(owner: str) -> str:
    """Name of the Secret with the key that an owner's engine asks for: what clients need to know has no digest."""
    return f"{owner}-{ENGINE_KEY}"


def gateway_service(owner: str) -> str:
    """Name of the Service by which clients reach a Gateway: what they need to know has no digest."""
    return f"{owner}-{GATEWAY_ROLE}"


def gateway_labels(owner: str) -> dict[str, str]:
    """Labels that select a Gateway's pods, and no others."""
    return {"app.kubernetes.io/component": GATEWAY_ROLE, LABEL_GATEWAY: owner}


def consumer_secret(owner: str) -> str:
    """Name of the Secret with the key that is generated for a Consumer."""
    return f"{owner}-{CONSUMER_KEY}"


def selector_labels(owner: str) -> dict[str, str]:
    """Labels that select an owner's engine pods, and no others."""
    return {"app.kubernetes.io/component": ENGINE_ROLE, LABEL_OWNER: owner}


def selector(owner: str) -> str:
    """The same as one string, as /scale and LIST want it."""
    return ",".join(f"{key}={value}" for key, value in selector_labels(owner).items())


def endpoint(namespace: str, service: str) -> str:
    """Base URL of the OpenAI API inside the cluster."""
    return f"http://{service}.{namespace}.svc:80/v1"
