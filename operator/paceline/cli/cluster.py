"""The command line's client of the API server: a few reads, each failure in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import httpx
import typer

from paceline.cli.console import CliError, ExitCode, fail
from paceline.cli.kinds import MODELDEPLOYMENT, Kind, bare_name
from paceline.cli.kubeconfig import Access, locate

#: Selects the operator's pods, whatever their release is called.
OPERATOR = "app.kubernetes.io/part-of=paceline,app.kubernetes.io/component=operator"

ContextOption = Annotated[str, typer.Option("--context", help="Context of the kubeconfig; default is the current one.")]

#: Seconds to connect and seconds without a byte; a stream may be silent for as long as a model thinks.
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
STREAM_TIMEOUT = httpx.Timeout(600.0, connect=5.0)


class Cluster:
    """A connection to one API server.

    Attributes:
        server: Its address, for messages.
        namespace: The namespace that commands use when none is given.
        access: What all of it was made of.
    """

    def __init__(self, access: Access, transport: httpx.BaseTransport | None = None) -> None:
        self.access = access
        self.server = access.host.rstrip("/")
        self.namespace = access.namespace
        extensions = {"sni_hostname": access.tls_server_name} if access.tls_server_name else {}
        self._extensions: dict[str, Any] = extensions
        self._http = httpx.Client(
            base_url=self.server,
            headers=access.headers(),
            verify=access.tls(),
            proxy=access.proxy or None,
            timeout=TIMEOUT,
            transport=transport,
            trust_env=False,
        )

    @classmethod
    def connect(cls, context: str = "", kubeconfig: str = "") -> Cluster:
        """Open the cluster of a kubeconfig; nothing is sent yet."""
        return cls(locate(kubeconfig, context))

    def get(self, path: str, **query: str) -> dict[str, Any] | None:
        """Read one object, or a list.

        Args:
            path: Path on the API server.
            query: Query parameters such as labelSelector.

        Returns:
            The decoded answer; None where there is no such thing (404).

        Raises:
            CliError: the server cannot be reached, refuses, or fails.
        """
        with self._words():
            answer = self._http.get(path, params=query, extensions=self._extensions)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        self._check(answer)
        data: dict[str, Any] = answer.json()
        return data

    def items(self, path: str, **query: str) -> list[dict[str, Any]]:
        """The objects of a list; empty where the kind does not exist."""
        return list((self.get(path, **query) or {}).get("items") or [])

    def apply(self, path: str, manifest: Mapping[str, Any] | str) -> dict[str, Any]:
        """Apply a manifest on the server's side as field manager `paceline-cli`.

        Args:
            path: Path of the object.
            manifest: The object, or its YAML.

        Raises:
            CliError: the server refuses; the message has its words.
        """
        text = manifest if isinstance(manifest, str) else json.dumps(manifest)
        with self._words():
            answer = self._http.patch(
                path,
                content=text.encode(),
                params={"fieldManager": "paceline-cli", "force": "true"},
                headers={"Content-Type": "application/apply-patch+yaml"},
                extensions=self._extensions,
            )
        if answer.status_code == httpx.codes.NOT_FOUND:
            fail(f"the cluster has no place for {path}: {status_message(answer)}", "install the chart paceline-crds")
        self._check(answer)
        data: dict[str, Any] = answer.json()
        return data

    def create(self, path: str, obj: Mapping[str, Any]) -> dict[str, Any] | None:
        """Create an object.

        Args:
            path: Path of the list that it comes to.
            obj: The object.

        Returns:
            What was made; None where one of that name is there (409).

        Raises:
            CliError: the server refuses; the message has its words.
        """
        with self._words():
            answer = self._http.post(
                path, json=dict(obj), params={"fieldManager": "paceline-cli"}, extensions=self._extensions
            )
        if answer.status_code == httpx.codes.CONFLICT:
            return None
        self._check(answer)
        data: dict[str, Any] = answer.json()
        return data

    def replace(self, path: str, obj: Mapping[str, Any]) -> dict[str, Any]:
        """Write a whole object, but only over the one that was read.

        Args:
            path: Path of the object.
            obj: The object with the resourceVersion that it was read with.

        Raises:
            CliError: the server refuses, or the object has changed since; the message has its words.
        """
        with self._words():
            answer = self._http.put(
                path, json=dict(obj), params={"fieldManager": "paceline-cli"}, extensions=self._extensions
            )
        self._check(answer)
        data: dict[str, Any] = answer.json()
        return data

    def delete(self, path: str, version: str) -> None:
        """Delete an object, but only as it was read; one that is already gone is no error.

        Args:
            path: Path of the object.
            version: Its metadata.resourceVersion.

        Raises:
            CliError: the server refuses, or the object has changed since; the message has its words.
        """
        with self._words():
            answer = self._http.request(
                "DELETE", path, json={"preconditions": {"resourceVersion": version}}, extensions=self._extensions
            )
        if answer.status_code != httpx.codes.NOT_FOUND:
            self._check(answer)

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[httpx.Response]:
        """Open an answer that is read while it comes; the status is the caller's to judge.

        A body is sent in chunks, without its length: behind a Content-Length, the API server's proxy loses about
        one answer in twenty (golang/go#40747: writing the answer's head closes the request's body, which the way
        to the pod reads once more to see its end).
        """
        content = None if body is None else iter((json.dumps(body).encode(),))
        request = self._http.build_request(
            method,
            path,
            content=content,
            params=query,
            headers=headers,
            timeout=STREAM_TIMEOUT,
            extensions=self._extensions,
        )
        if body is not None:
            request.headers["Content-Type"] = "application/json"
        with self._words():
            answer = self._http.send(request, stream=True)
            try:
                yield answer
            finally:
                answer.close()

    @contextmanager
    def _words(self) -> Iterator[None]:
        try:
            yield
        except httpx.ConnectError as error:
            fail(
                f"the cluster at {self.server} was not reached: {error}",
                "check that it runs (`paceline local status`) and that KUBECONFIG names the right one",
                ExitCode.UNREACHABLE,
            )
        except httpx.TimeoutException as error:
            fail(
                f"the cluster at {self.server} did not answer in time ({type(error).__name__}).",
                "try again; if it stays so, look at the API server's health",
                ExitCode.UNREACHABLE,
            )
        except httpx.TransportError as error:
            fail(
                f"the connection to {self.server} broke: {str(error) or type(error).__name__}",
                "try again",
                ExitCode.UNREACHABLE,
            )

    def _check(self, answer: httpx.Response) -> None:
        if answer.is_success:
            return
        words = status_message(answer)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            fail(
                f"the cluster at {self.server} does not know these credentials: {words}",
                "log in again, or name another kubeconfig in KUBECONFIG",
            )
        if answer.status_code == httpx.codes.FORBIDDEN:
            fail(f"the cluster refuses: {words}", "ask an administrator for this permission")
        fail(
            f"the cluster answered {answer.status_code}: {words}", "try again; look at the API server's log if it stays"
        )


def status_message(answer: httpx.Response) -> str:
    """The message of a Kubernetes Status, or the beginning of the answer's text."""
    answer.read()
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200].strip() or answer.reason_phrase


def modeldeployment_path(namespace: str, name: str = "") -> str:
    """Path of one ModelDeployment, of those of a namespace, or (namespace empty) of all."""
    return MODELDEPLOYMENT.path(namespace, name)


def find(cluster: Cluster, kind: Kind, namespace: str, name: str) -> dict[str, Any]:
    """Read one object.

    Args:
        cluster: Where.
        kind: Of which kind.
        namespace: Its namespace.
        name: Its name, or KIND/NAME as kubectl writes it.

    Raises:
        CliError: USAGE for another kind, NOT_FOUND with the names that exist.
    """
    name = bare_name(name, kind)
    found = cluster.get(kind.path(namespace, name))
    if found is not None:
        return found
    listed = cluster.get(kind.path(namespace))
    if listed is None:
        missing_crds(cluster)
    names = [item["metadata"]["name"] for item in listed.get("items") or []]
    there = (
        f"there are: {', '.join(sorted(names)[:10])}" if names else "there is none in this namespace; add -n NAMESPACE"
    )
    raise CliError(f"no {kind.name} {name} in namespace {namespace}.", there, ExitCode.NOT_FOUND)


def find_modeldeployment(cluster: Cluster, namespace: str, name: str) -> dict[str, Any]:
    """Read one ModelDeployment.

    Raises:
        CliError: as in `find`.
    """
    return find(cluster, MODELDEPLOYMENT, namespace, name)


def missing_crds(cluster: Cluster) -> NoReturn:
    """End the command: the cluster has no kinds of paceline."""
    fail(
        f"paceline's kinds are not installed in the cluster at {cluster.server}.",
        "install the chart paceline-crds, or run: paceline crds | kubectl apply --server-side -f -",
        ExitCode.NOT_FOUND,
    )
