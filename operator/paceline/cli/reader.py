"""The way to the ledger, through the API server: its RBAC decides who may take it.

Two rights are asked for, which the chart's Role paceline-ledger-reader has: the proxy to the ledger's Service, and a
token of a ServiceAccount that may do nothing. That token, for ten minutes and for paceline alone, tells the ledger that
the API server let its bearer have it. It travels in a header of its own, because the API server passes no
Authorization header on. The user's own credentials stay between the user and the API server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import httpx
import typer

from paceline.api.names import LEDGER_ROLE, TOKEN_HEADER
from paceline.cli.cluster import Cluster, status_message
from paceline.cli.console import CliError, ExitCode, fail
from paceline.render.gateway.pod import AUDIENCE

T = TypeVar("T")

SYSTEM = "paceline-system"

SystemOption = Annotated[
    str, typer.Option("--operator-namespace", help="Namespace in which the operator and the ledger are installed.")
]

_SELECTOR = f"app.kubernetes.io/part-of=paceline,app.kubernetes.io/component={LEDGER_ROLE}"
#: The least that the API server gives.
_TOKEN_SECONDS = 600


class Reader:
    """Reads one ledger.

    Attributes:
        service: Name of its Service.
    """

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self.service = "paceline-ledger"
        found = self._may(lambda: cluster.items(f"/api/v1/namespaces/{namespace}/services", labelSelector=_SELECTOR))
        if not found:
            fail(
                f"there is no ledger in namespace {namespace}.",
                "name the namespace of the installation with --operator-namespace; the chart's value gateway.enabled "
                "brings the ledger",
                ExitCode.NOT_FOUND,
            )
        self.service = str(found[0]["metadata"]["name"])
        self._port = int(found[0]["spec"]["ports"][0]["port"])
        self._token = self._ask()

    def get(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        """One answer.

        Raises:
            CliError: the ledger or the API server refuses, or fails.
        """
        with self.stream(path, query) as answer:
            answer.read()
            data: dict[str, Any] = answer.json()
            return data

    @contextmanager
    def stream(self, path: str, query: Mapping[str, str]) -> Iterator[httpx.Response]:
        """An answer that is read while it comes.

        Raises:
            CliError: the ledger or the API server refuses, or fails.
        """
        way = f"/api/v1/namespaces/{self._namespace}/services/https:{self.service}:{self._port}/proxy{path}"
        with self._cluster.stream("GET", way, query=query, headers={TOKEN_HEADER: self._token}) as answer:
            if not answer.is_success:
                self._refuse(answer)
            yield answer

    def _ask(self) -> str:
        """A token by which the ledger knows a reader."""
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [AUDIENCE], "expirationSeconds": _TOKEN_SECONDS},
        }
        path = f"/api/v1/namespaces/{self._namespace}/serviceaccounts/{self.service}-reader/token"
        made = self._may(lambda: self._cluster.create(path, body) or {})
        return str(made["status"]["token"])

    def _may(self, call: Callable[[], T]) -> T:
        """What a call gives; a refusal names the Role that lets one."""
        try:
            return call()
        except CliError as error:
            remedy = self._remedy() if error.code is ExitCode.FAILED else error.remedy
            raise CliError(error.message, remedy, error.code) from None

    def _refuse(self, answer: httpx.Response) -> None:
        words = status_message(answer)
        log = f"kubectl logs -n {self._namespace} deployment/{self.service}"
        if answer.status_code == httpx.codes.FORBIDDEN:
            fail(f"the cluster refuses: {words}", self._remedy())
        if answer.status_code == httpx.codes.BAD_REQUEST:
            fail(f"the ledger does not take the question: {words}", "change what it names", ExitCode.USAGE)
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            fail(f"the ledger does not answer now: {words}", f"try again; its log says more: {log}", ExitCode.NOT_READY)
        fail(f"the ledger answered {answer.status_code}: {words}", f"is it as new as this program? its log: {log}")

    def _remedy(self) -> str:
        role = f"{self.service}-reader"
        binding = f"kubectl create rolebinding READERS -n {self._namespace} --role={role} --user=NAME"
        return f"let an administrator give you the Role {role}: {binding}"
