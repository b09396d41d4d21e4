"""A server of paceline that an agent speaks to, by the pod's own token."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from paceline.agent.errors import Disconnected, Unreachable


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said.

    Attributes:
        tag: Of its header ETag, without quotes.
    """

    status: int
    body: bytes
    tag: str = ""


class Remote:
    """One server.

    Args:
        session: For all servers; never closed here.
        url: Where it is.
        token_file: Read for each request, because tokens are exchanged.
        ca_file: Who may have signed its certificate, read again when it changes; None: whoever the machine trusts.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str, token_file: Path, ca_file: Path | None) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._token_file = token_file
        self._ca_file = ca_file
        self._context: tuple[bytes, ssl.SSLContext] | None = None

    async def ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int] | None = None,
        data: bytes | None = None,
        seconds: float = 10,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request.

        Raises:
            Disconnected: the connection ended before the answer.
            Unreachable: there is no answer, the token or the certificate cannot be read.
        """
        try:
            token = self._token_file.read_text(encoding="ascii").strip()
            context = self._tls()
        except (OSError, ValueError) as error:
            # The text of a UnicodeError would have the token in it.
            raise Unreachable("Unreachable", f"{self._url}: a file for it cannot be read ({_why(error)})") from None
        try:
            async with self._session.request(
                method,
                f"{self._url}{path}",
                params=params,
                data=data,
                headers={**(headers or {}), "Authorization": f"Bearer {token}"},
                ssl=context,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=5),
            ) as response:
                return Answer(response.status, await response.read(), response.headers.get("ETag", "").strip('"'))
        except (aiohttp.ServerDisconnectedError, ConnectionResetError) as error:
            raise Disconnected("Unreachable", f"{self._url} does not answer ({_why(error)})") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable("Unreachable", f"{self._url} does not answer ({_why(error)})") from None

    def _tls(self) -> ssl.SSLContext | bool:
        if self._ca_file is None or not self._url.startswith("https:"):
            return True
        found = self._ca_file.read_bytes()
        if self._context is None or self._context[0] != found:
            self._context = found, ssl.create_default_context(cadata=found.decode("ascii"))
        return self._context[1]


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__


async def rest(seconds: float, ended: asyncio.Event) -> None:
    """Wait, or until the end."""
    try:
        async with asyncio.timeout(seconds):
            await ended.wait()
    except TimeoutError:
        return
