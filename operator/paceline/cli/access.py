"""What the operator may do in a namespace with models: the one source of `paceline enable` and of the chart's roles.

`make charts` copies it to charts/paceline/files/; an integration test holds it against the
API server's audit log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

READ = ("get", "list", "watch")
WRITE = ("create", "patch", "delete")


@dataclass(frozen=True)
class Rule:
    """One rule of a Role.

    Attributes:
        why: What the operator does with it; becomes a comment.
        group: API group; empty is the core group.
        resources: Plural names, with a subresource where one is meant.
        verbs: Verbs, each of which the operator sends.
    """

    why: str
    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]


RULES: tuple[Rule, ...] = (
    Rule(
        "The specs, which are the user's: read, never written.",
        "paceline.dev",
        ("modeldeployments", "gateways", "consumers"),
        READ,
    ),
    Rule(
        "The status, which is the operator's.",
        "paceline.dev",
        ("modeldeployments/status", "gateways/status", "consumers/status"),
        ("patch",),
    ),
    Rule(
        "Children block their owner's deletion; admission plugin OwnerReferencesPermissionEnforcement asks for this.",
        "paceline.dev",
        ("modeldeployments/finalizers", "gateways/finalizers", "consumers/finalizers"),
        ("update",),
    ),
    Rule("The engines: applied, watched, healed.", "apps", ("deployments",), (*READ, *WRITE)),
    Rule(
        "The other children: applied, healed by the resync.",
        "",
        ("services", "serviceaccounts"),
        ("get", "list", *WRITE),
    ),
    Rule("The same, and watched for the numbers of Gateways' configurations.", "", ("configmaps",), (*READ, *WRITE)),
    Rule("The same.", "policy", ("poddisruptionbudgets",), ("get", "list", *WRITE)),
    Rule("Revisions: kept as they were first rendered.", "apps", ("controllerrevisions",), (*READ, *WRITE)),
    Rule("Jobs that look up a model's files; deleted once they have.", "batch", ("jobs",), ("get", "list", *WRITE)),
    Rule("Where those may connect to.", "networking.k8s.io", ("networkpolicies",), ("get", "list", *WRITE)),
    Rule("Whether a change may go on in the middle of a rollout.", "apps", ("replicasets",), ("list",)),
    Rule("Keys of engines and Consumers: made.", "", ("secrets",), ("create",)),
    Rule("Why a pod does not start.", "", ("pods",), READ),
    Rule("Which pods serve.", "discovery.k8s.io", ("endpointslices",), READ),
    Rule("What a new model's pods may use; listed before they are made.", "", ("resourcequotas",), ("list",)),
    Rule("What happened, told once.", "", ("events",), ("create",)),
)
#: Beside them where Consumers are. No role can tell these Secrets from the others of a namespace.
KEYS: tuple[Rule, ...] = (Rule("Keys of Consumers, which gateways ask for: read.", "", ("secrets",), ("get",)),)

#: Beside them where the whole cluster is watched: namespaces are no namespace's.
NAMESPACES: tuple[Rule, ...] = (
    Rule("Labels of namespaces, by which Gateways choose whose Consumers they take.", "", ("namespaces",), ("list",)),
)


def rules_yaml(rules: tuple[Rule, ...] = RULES) -> str:
    """Rules as the items of a YAML list, each below a comment that says what it is for."""
    return "".join(line + "\n" for rule in rules for line in _lines(rule))


def _lines(rule: Rule) -> Iterator[str]:
    yield f"# {rule.why}"
    yield f"- apiGroups: [{rule.group or chr(34) * 2}]"
    yield f"  resources: [{', '.join(rule.resources)}]"
    yield f"  verbs: [{', '.join(rule.verbs)}]"
