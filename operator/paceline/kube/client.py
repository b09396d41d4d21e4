"""A thin client of the API server: raw JSON, one place through which every write passes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Protocol

import aiohttp
from aiohttp.abc import AbstractStreamWriter

from paceline import metrics
from paceline.errors import Fenced, PacelineError, Transient, Unauthorized
from paceline.kube.connection import Connection
from paceline.kube.faults import fault
from paceline.kube.rate import Ceiling
from paceline.kube.resources import JsonObject, Resource
from paceline.settings import boottime

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
#: The server leaves out spec and status: a Deployment's answer shrinks from 6 kB to 1 kB.
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

_PAGE = 500
#: A list whose continue token expires is begun again; a server that compacts faster than we read is broken.
_LIST_ATTEMPTS = 3


class Fence(Protocol):
    """Says whether writing is allowed, and for how long a write may be under way."""

    def remaining(self) -> float:
        """Seconds until the Lease may belong to somebody else; 0 or less: nothing may be sent."""


class NoFence:
    """For clients that are alone by construction: the command line, the Lease itself."""

    def remaining(self) -> float:
        """For ever."""
        return float("inf")


class _FencedBody(aiohttp.BytesPayload):
    """A body that does not leave when the Lease ran out between the check and the socket.

    Getting a connection takes time, and a process can be stopped there for minutes (SIGSTOP, a paused machine). Headers
    go out together with the body; a request without its body changes nothing.
    """

    def __init__(self, body: bytes, fence: Fence) -> None:
        super().__init__(body, content_type=JSON)
        self._fence = fence

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Write, or fail where nothing may be sent any more."""
        if self._fence.remaining() <= 0:
            raise Fenced("NotLeader", "the Lease ran out while the request waited for its connection")
        await super().write_with_length(writer, content_length)


class Api:
    """The API server.

    Args:
        connection: Address and credentials.
        fence: Checked right before each write leaves.
        ceiling: Rate of writes.
        timeout: Seconds for one request, whole answer included.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        fence: Fence,
        ceiling: Ceiling,
        timeout: float = 30.0,
        connections: int = 20,
        clock: Callable[[], float] = boottime,
    ) -> None:
        self._connection = connection
        self._fence = fence
        self._ceiling = ceiling
        self._timeout = timeout
        self._clock = clock
        self._session = connection.session(connections=connections)

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def get(
        self, resource: Resource, namespace: str | None, name: str, *, accept: str = JSON
    ) -> JsonObject | None:
        """One object as the API server has it now, or None when there is none."""
        return await self.read(resource, resource.path(namespace, name), {}, accept=accept, absent=True)

    async def pages(
        self, resource: Resource, namespace: str | None, *, selector: str = "", accept: str = JSON
    ) -> AsyncIterator[JsonObject]:
        """The pages of a LIST, as parsed list objects.

        Raises:
            Transient: reason Expired when the continue token ran out (410): what was read is not one state of the
                world, the caller begins again.
        """
        query: dict[str, str] = {"limit": str(_PAGE)}
        if selector:
            query["labelSelector"] = selector
        while True:
            page = await self.read(resource, resource.path(namespace), query, accept=accept)
            if page is None:  # cannot be: a collection is never absent here
                return
            yield page
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return
            query["continue"] = token

    async def items(
        self, resource: Resource, namespace: str | None, *, selector: str = "", accept: str = JSON
    ) -> tuple[str, list[JsonObject]]:
        """All objects of a LIST with the list's resourceVersion; begun again when its token expires (K5)."""
        for _ in range(_LIST_ATTEMPTS):
            found: list[JsonObject] = []
            version = ""
            try:
                async for page in self.pages(resource, namespace, selector=selector, accept=accept):
                    found.extend(page.get("items") or ())
                    version = (page.get("metadata") or {}).get("resourceVersion", "")
            except Transient as error:
                if error.reason != "Expired":
                    raise
                continue
            return version, found
        raise Transient("Expired", f"list {resource.plural}: the list expired {_LIST_ATTEMPTS} times while being read")

    async def read(
        self,
        resource: Resource,
        path: str,
        query: Mapping[str, str],
        *,
        accept: str = JSON,
        absent: bool = False,
    ) -> JsonObject | None:
        """GET a path; with `absent`, None instead of an error when there is nothing."""
        what = f"get {path}"
        status, body, headers = await self._exchange(
            "GET", resource, path, what, query=query, body=None, headers={"Accept": accept}, timeout=self._timeout
        )
        if status == 404 and absent:
            return None
        return self._parsed(status, body, headers, what)

    async def send(
        self,
        method: str,
        resource: Resource,
        path: str,
        body: JsonObject,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> JsonObject:
        """The one way by which anything is written.

        The Lease is checked when the write is about to leave, after it waited for the rate ceiling, and the request is
        given no more time than the Lease surely lasts.

        Raises:
            Fenced: the Lease is not held; nothing was sent.
            PacelineError: what the answer means (faults.py).
        """
        self._ceiling.charge_to(metrics.api_throttled_seconds_total, await self._ceiling.wait())
        remaining = self._fence.remaining()
        what = f"{method.lower()} {path}"
        if remaining <= 0:
            raise self._fenced(resource, what)
        try:
            status, answer, headers = await self._exchange(
                method,
                resource,
                path,
                what,
                query=query or {},
                body=_FencedBody(json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode(), self._fence),
                headers={"Accept": accept, "Content-Type": content_type},
                timeout=min(self._timeout, remaining),
            )
        except Transient as error:
            if self._fence.remaining() <= 0:
                raise self._fenced(resource, what) from error
            raise
        return self._parsed(status, answer, headers, what)

    def _fenced(self, resource: Resource, what: str) -> Fenced:
        metrics.fenced_total.labels(resource.plural).inc()
        return Fenced("NotLeader", f"{what}: the Lease is not held")

    def _parsed(self, status: int, body: bytes, headers: Mapping[str, str], what: str) -> JsonObject:
        if status >= 400:
            error: PacelineError = fault(status, body, headers, what)
            if isinstance(error, Unauthorized):
                self._connection.expire()
            raise error
        try:
            parsed = json.loads(body)
        except ValueError as error:
            raise Transient("BadAnswer", f"{what}: the answer is not JSON: {error}") from error
        if not isinstance(parsed, dict):
            raise Transient("BadAnswer", f"{what}: the answer is {type(parsed).__name__}, not an object")
        return parsed

    async def _exchange(
        self,
        method: str,
        resource: Resource,
        path: str,
        what: str,
        *,
        query: Mapping[str, str],
        body: aiohttp.Payload | None,
        headers: Mapping[str, str],
        timeout: float,
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """One request and its whole answer. Network trouble of any kind is Transient."""
        code = "none"
        begun = self._clock()
        try:
            async with (
                asyncio.timeout(timeout),
                self._session.request(
                    method, self._connection.server + path, params=query, data=body, headers=headers
                ) as response,
            ):
                content = await response.read()
                code = str(response.status)
                return response.status, content, response.headers
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            words = str(error) or type(error).__name__
            raise Transient("NetworkError", f"{what}: {words}") from error
        finally:
            metrics.api_requests_total.labels(method, resource.plural, code).inc()
            metrics.api_seconds.labels(method).observe(self._clock() - begun)
