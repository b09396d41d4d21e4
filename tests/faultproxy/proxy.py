"""A proxy between the operator and a real API server that makes transport fail on demand.

TLS and the administrator's credentials are between proxy and API server; the operator is given a kubeconfig that
points to loopback. Without rules everything passes unchanged, watches as they stream. The proxy has a thread and a loop
of its own, so that tests may be plain functions; rules can be set and removed while it runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import yaml
from aiohttp import web

from paceline.kube.connection import Connection
from tests.faultproxy.calls import Call, Which
from tests.faultproxy.rules import (
    Action,
    Answer,
    AsOf,
    Cut,
    Delay,
    ErrorFrame,
    Hold,
    Rule,
    Silence,
    Strike,
    Truncated,
    error_frame,
    status_object,
)
from tests.faultproxy.streams import Lens, Stream

Result = TypeVar("Result")
#: Told of each call that the API server answered, with what was sent and what came back. Called in the proxy's loop.
Witness = Callable[[Call, bytes, bytes], None]

#: Headers that belong to one connection, or that aiohttp writes itself.
_OF_CONNECTION = {
    "connection", "host", "keep-alive", "transfer-encoding", "upgrade", "content-length", "accept-encoding", "te",
}  # fmt: skip
#: Sockets close in a later turn of the loop.
_CLOSING_SECONDS = 0.3
_JSON = {"Content-Type": "application/json"}


class _Broken(Exception):  # noqa: N818 - a wish, not an accident
    """The connection to the client is to be cut."""


class FaultProxy:
    """The proxy; make it with `proxying`."""

    def __init__(self, kubeconfig: Path, witness: Witness | None = None, lens: Lens | None = None) -> None:
        self._connection = Connection(kubeconfig)
        self._witness = witness
        self._lens = lens
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="faultproxy", daemon=True)
        self._calls: list[Call] = []
        self._rules: list[Rule] = []
        self._streams: set[Stream] = set()
        self._forwards: set[asyncio.Task[Any]] = set()
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.ServerRunner | None = None
        self.url = ""

    # What tests ask and want.

    @property
    def calls(self) -> list[Call]:
        """All calls so far, in the order in which they came."""
        return list(self._calls)

    def counts(self) -> Counter[tuple[str, str]]:
        """Number of calls by verb and resource."""
        return Counter((call.verb, call.resource) for call in self.calls)

    def matching(self, which: Which, since: float = 0.0) -> list[Call]:
        """The calls that match, from a reading of CLOCK_MONOTONIC on."""
        return [call for call in self.calls if call.at >= since and which(call)]

    def add(self, which: Which, action: Action, *, first: int = 1, times: int | None = None) -> Rule:
        """From now on, have an action strike calls that match. The oldest rule that strikes wins."""
        rule = Rule(which, action, first, times)
        self._do(self._add(rule))
        return rule

    def remove(self, rule: Rule) -> None:
        """Let a rule strike no more; what it holds goes on, what it keeps silent is cut."""
        self._do(self._remove(rule))

    @contextmanager
    def fault(self, which: Which, action: Action, *, first: int = 1, times: int | None = None) -> Iterator[Rule]:
        """A rule for as long as the block lasts."""
        rule = self.add(which, action, first=first, times=times)
        try:
            yield rule
        finally:
            self.remove(rule)

    def inject(self, which: Which, code: int, message: str = "a fault of the proxy") -> int:
        """Send an ERROR frame into each running watch that matches, and end it; how many these were."""
        return self._do(self._inject(which, error_frame(code, message)))

    def cut(self, which: Which) -> int:
        """Cut the running watches that match; how many these were."""
        return self._do(self._cut(which))

    def watches(self, which: Which) -> int:
        """How many watches that match run now."""
        return self._do(self._running(which))

    def kubeconfig(self, folder: Path) -> Path:
        """A kubeconfig for a client of this proxy, written into `folder`."""
        path = folder / "proxied.kubeconfig"
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "proxied",
            "clusters": [{"name": "proxied", "cluster": {"server": self.url}}],
            "users": [{"name": "proxied", "user": {}}],
            "contexts": [{"name": "proxied", "context": {"cluster": "proxied", "user": "proxied"}}],
        }
        path.write_text(yaml.safe_dump(content))
        return path

    # Its life.

    def start(self) -> None:
        """Listen on a free port of loopback."""
        self._thread.start()
        self._do(self._start())

    def stop(self) -> None:
        """Cut everything and end."""
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.call_later, _CLOSING_SECONDS, self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, action: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(action, self._loop).result(timeout=30)

    async def _start(self) -> None:
        await self._connection.load()
        self._session = self._connection.session(connections=0)
        self._runner = web.ServerRunner(
            web.Server(self._handle, handler_cancellation=True, access_log=None), shutdown_timeout=0.2
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _stop(self) -> None:
        for rule in list(self._rules):
            await self._remove(rule)
        for stream in self._streams:
            stream.end(broken=True)
        for task in self._forwards:
            task.cancel()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None and self._session.connector is not None:
            await self._session.connector.close(abort_ssl=True)
            await self._session.close()
        # A connection whose making is cancelled is closed by that task, in a turn of its own.
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for each in left:
            each.cancel()
        if left:
            await asyncio.wait(left, timeout=1)

    # In its loop.

    async def _add(self, rule: Rule) -> None:
        self._rules.append(rule)
        if isinstance(rule.action, Silence):
            for stream in self._matching(rule.which):
                stream.silent = True

    async def _remove(self, rule: Rule) -> None:
        if rule in self._rules:
            self._rules.remove(rule)
        rule.over.set()
        if isinstance(rule.action, Silence):
            for stream in self._matching(rule.which):
                stream.end(broken=True)

    async def _inject(self, which: Which, frame: bytes) -> int:
        found = self._matching(which)
        for stream in found:
            await stream.inject(frame)
        return len(found)

    async def _cut(self, which: Which) -> int:
        found = self._matching(which)
        for stream in found:
            stream.end(broken=True)
        return len(found)

    async def _running(self, which: Which) -> int:
        return len(self._matching(which))

    def _matching(self, which: Which) -> list[Stream]:
        return [stream for stream in self._streams if which(stream.call)]

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        call = Call.parse(request.method, request.path, dict(request.query))
        self._calls.append(call)
        rule = next((rule for rule in list(self._rules) if rule.strikes(call)), None)
        try:
            response = await self._answer(request, call, rule)
        except (_Broken, aiohttp.ClientError):
            if request.transport is not None:
                request.transport.abort()
            raise asyncio.CancelledError from None
        call.status = response.status
        return response

    async def _answer(self, request: web.BaseRequest, call: Call, rule: Rule | None) -> web.StreamResponse:
        action = rule.action if rule is not None else None
        call.fault = type(action).__name__ if action is not None else ""
        match action:
            case Answer(status, message, retry_after):
                headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
                return web.Response(status=status, body=status_object(status, message), headers=_JSON | headers)
            case ErrorFrame(code, message):
                return web.Response(body=error_frame(code, message), headers=_JSON)
            case Cut(done=False, after=None):
                raise _Broken
            case Strike(moment="before", act=act):
                act()
                raise _Broken
            case Silence():
                await rule.over.wait()
                raise _Broken
        if call.verb == "watch":
            return await self._watch(request, call, rule)
        # A task of its own: what the API server was sent it does, whether or not the client is still there.
        task = asyncio.create_task(self._forward(request, await request.read(), call, rule))
        self._forwards.add(task)
        task.add_done_callback(self._forwards.discard)
        response = await asyncio.shield(task)
        match action:
            case Truncated():
                await _half(request, response)
            case Strike(moment="answered", act=act):
                await response.prepare(request)
                await response.write_eof()
                act()
        return response

    async def _wait(self, rule: Rule | None) -> None:
        match rule.action if rule is not None else None:
            case Delay(seconds):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(rule.over.wait(), seconds)
            case Hold():
                await rule.over.wait()

    def _request(self, request: web.BaseRequest, body: bytes | None, rule: Rule | None = None) -> Any:
        if self._session is None:
            raise _Broken
        path = request.path_qs
        if rule is not None and isinstance(rule.action, AsOf) and "continue" not in request.query:
            asked = f"resourceVersion={rule.action.version()}&resourceVersionMatch=Exact"
            path += f"{'&' if request.query_string else '?'}{asked}"
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OF_CONNECTION}
        return self._session.request(
            request.method,
            self._connection.server + path,
            data=body,
            headers={**headers, "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            allow_redirects=False,
        )

    async def _forward(self, request: web.BaseRequest, body: bytes, call: Call, rule: Rule | None) -> web.Response:
        await self._wait(rule)
        call.upstream = True
        async with self._request(request, body or None, rule) as upstream:
            content = await upstream.read()
        call.status = upstream.status
        if self._witness is not None:
            self._witness(call, body, content)
        match rule.action if rule is not None else None:
            case Cut():
                raise _Broken
            case Strike(moment="unanswered", act=act):
                act()
                raise _Broken
        return web.Response(status=upstream.status, body=content, headers=_kept(upstream))

    async def _watch(self, request: web.BaseRequest, call: Call, rule: Rule | None) -> web.StreamResponse:
        await self._wait(rule)
        call.upstream = True
        async with self._request(request, None) as upstream:
            response = web.StreamResponse(status=upstream.status, headers=_kept(upstream))
            call.status = upstream.status
            await response.prepare(request)
            stream = Stream(call, response, self._lens)
            self._streams.add(stream)
            try:
                cut = rule.action if rule is not None and isinstance(rule.action, Cut) else Cut()
                await stream.run(upstream, cut.after)
            finally:
                self._streams.discard(stream)
                _abort(upstream)
            if stream.broken:
                raise _Broken
        await response.write_eof()
        return response


async def _half(request: web.BaseRequest, whole: web.Response) -> None:
    """Begin an answer and break off in its middle."""
    body = whole.body if isinstance(whole.body, bytes) else b""
    begun = web.StreamResponse(status=whole.status, headers=whole.headers)
    begun.content_length = len(body)
    await begun.prepare(request)
    await begun.write(body[: len(body) // 2])
    raise _Broken


def _abort(upstream: aiohttp.ClientResponse) -> None:
    """End a connection to the API server at once: TLS would wait for the other side's goodbye."""
    if upstream.connection is not None and upstream.connection.transport is not None:
        upstream.connection.transport.abort()


def _kept(upstream: aiohttp.ClientResponse) -> dict[str, str]:
    """The answer's headers, apart from those of the connection."""
    return {name: value for name, value in upstream.headers.items() if name.lower() not in _OF_CONNECTION}


@contextmanager
def proxying(kubeconfig: Path, witness: Witness | None = None, lens: Lens | None = None) -> Iterator[FaultProxy]:
    """A proxy to the API server of a kubeconfig, stopped afterwards."""
    proxy = FaultProxy(kubeconfig, witness, lens)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
