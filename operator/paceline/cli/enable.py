"""`paceline enable NAMESPACE`: prints what lets the operator work in a namespace, for `kubectl apply -f -`."""

from __future__ import annotations

import re
from textwrap import indent
from typing import Annotated

import typer

from paceline.cli.access import KEYS, RULES, rules_yaml
from paceline.cli.console import ExitCode, fail

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_ACCOUNT = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")

# The chart's own objects are called paceline-operator; another name lets both lie side by side.
_TEMPLATE = """\
# Lets the paceline operator of namespace {operator_namespace} look after the models of namespace {namespace}.
#
# Two things that this does not do:
# - The operator must watch the namespace. Add it to watch.namespaces in the chart's values and run `helm upgrade`.
# - Model pods meet Pod Security "restricted". Have it enforced:
#     kubectl label namespace {namespace} pod-security.kubernetes.io/enforce=restricted \\
#       pod-security.kubernetes.io/warn=restricted pod-security.kubernetes.io/audit=restricted
#
# Who may create Deployments in a namespace can mount every Secret in it: so can the operator, by these rules.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: paceline-enabled
  namespace: {namespace}
  labels:
    app.kubernetes.io/part-of: paceline
rules:
{rules}\
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: paceline-enabled
  namespace: {namespace}
  labels:
    app.kubernetes.io/part-of: paceline
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: paceline-enabled
subjects:
  - kind: ServiceAccount
    name: {service_account}
    namespace: {operator_namespace}
"""


def enable(
    namespace: Annotated[str, typer.Argument(help="Namespace with models.")],
    operator_namespace: Annotated[
        str, typer.Option(help="Namespace in which the operator is installed.")
    ] = "paceline-system",
    service_account: Annotated[str, typer.Option(help="ServiceAccount of the operator.")] = "paceline-operator",
    keys: Annotated[
        bool, typer.Option(help="Let the operator read Secrets, which it must where Consumers are.")
    ] = True,
) -> None:
    """Print the Role and RoleBinding that let the operator work in a namespace.

    Nothing is sent to a cluster: the namespace's owner reads it and applies it.
    """
    _check("NAMESPACE", namespace, _NAME)
    _check("--operator-namespace", operator_namespace, _NAME)
    _check("--service-account", service_account, _ACCOUNT)
    print(manifest(namespace, operator_namespace, service_account, keys=keys), end="")


def manifest(namespace: str, operator_namespace: str, service_account: str, *, keys: bool = True) -> str:
    """The Role and the RoleBinding as YAML, with comments that say what else there is to do."""
    return _TEMPLATE.format(
        namespace=namespace,
        operator_namespace=operator_namespace,
        service_account=service_account,
        rules=indent(rules_yaml(RULES + KEYS if keys else RULES), "  "),
    )


def _check(option: str, value: str, pattern: re.Pattern[str]) -> None:
    if not pattern.fullmatch(value):
        fail(
            f'{option} "{value}" cannot be the name of one in Kubernetes.',
            "use lower-case letters, digits and dashes, at most 63 characters",
            ExitCode.USAGE,
        )
