"""The adapter's own requests. Envoy answers them as clients': with fallback, time limits, credentials and records."""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy

from paceline.adapter.refusals import GONE, INCOMPLETE, TOO_LARGE, Refusal
from paceline.adapter.room import Place
from paceline.gateway.envoy.documents import CLIENT, INTERNAL
from paceline.gateway.underway import ASK

_HOP_BY_HOP = frozenset({
    "connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
#: An answer that is compressed could not be read.
_NOT_ASKED = frozenset({"accept-encoding", "authorization", "expect", "x-request-id"})
_NOT_TOLD = frozenset({"date", "server", "x-request-id"})
_AUTOMATIC = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")

Headers = CIMultiDictProxy[str] | CIMultiDict[str]


class Refused(Exception):  # noqa: N818 - it is an answer
    """There is no answer that can be checked."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Answer:
    """Of a server, or of Envoy in its place."""

    status: int
    headers: CIMultiDict[str]
    body: bytes

    @property
    def stream(self) -> bool:
        """It is events."""
        return self.headers.get("content-type", "").lower().startswith("text/event-stream")


class Asking:
    """Requests through Envoy.

    Args:
        session: For them.
        url: Where Envoy takes them.
        most: Bytes of one answer.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str, most: int) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._most = most

    async def ask(self, path: str, headers: Headers, body: bytes, number: int, place: Place) -> Answer:
        """Ask, and wait for the whole answer.

        Args:
            path: With its query.
            headers: As they came.
            body: To be sent.
            number: Of this request among those for one of a client.
            place: Where its bytes are held.

        Raises:
            Refused: there is none, or it breaks off.
            Full: there is no room for it.
        """
        wanted = asked(headers, number)
        try:
            async with self._session.post(
                self._url + path, data=body, headers=wanted, skip_auto_headers=_AUTOMATIC, allow_redirects=False
            ) as response:
                return Answer(response.status, told(response.headers), await self._read(response, place))
        except aiohttp.ClientConnectorError:
            raise Refused(GONE) from None
        except aiohttp.ClientError:
            raise Refused(INCOMPLETE) from None

    async def _read(self, response: aiohttp.ClientResponse, place: Place) -> bytes:
        chunks, size = [], 0
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > self._most:
                raise Refused(TOO_LARGE)
            place.take(len(chunk))
            chunks.append(chunk)
        return b"".join(chunks)


def asked(headers: Headers, number: int) -> CIMultiDict[str]:
    """Headers of the adapter's request, which is the client's, under a number of its own."""
    found = _without(headers, _NOT_ASKED)
    found["x-request-id"] = f"{headers.get('x-request-id', '')}{ASK}{number}"
    if client := headers.get(CLIENT):
        found[CLIENT] = client
    return found


def told(headers: Headers) -> CIMultiDict[str]:
    """Headers of an answer, without those that Envoy gives each answer anew."""
    return _without(headers, _NOT_TOLD)


def _without(headers: Headers, names: frozenset[str]) -> CIMultiDict[str]:
    gone = names | _HOP_BY_HOP
    kept = ((name, value) for name, value in headers.items() if name.lower() not in gone)
    return CIMultiDict((name, value) for name, value in kept if not name.lower().startswith((INTERNAL, "x-envoy-")))
