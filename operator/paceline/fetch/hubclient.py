"""The HTTP client that huggingface_hub is given: it bounds answers, and is never redirected to plain http."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2

from paceline.fetch.reasons import invalid
from paceline.fetch.web import keep_https


def bounded(most: int, *, secure: bool) -> httpx2.Client:
    """A client whose answers have at most so many bytes, and that speaks nothing but https where that is wanted."""
    return httpx2.Client(
        transport=_Bounded(most),
        follow_redirects=True,
        max_redirects=5,
        timeout=30.0,
        headers={"Accept-Encoding": "identity"},
        event_hooks={"request": [keep_https] if secure else []},
    )


class _Bounded(httpx2.HTTPTransport):
    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send, and count what comes back."""
        request.headers["Accept-Encoding"] = "identity"
        response = super().handle_request(request)
        if response.headers.get("Content-Encoding", "identity").lower() not in {"identity", ""}:
            response.close()
            raise invalid(f"{request.url.host} answers compressed although it was asked not to.")
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_Counted(response, self._most),
            extensions=response.extensions,
        )


class _Counted(httpx2.SyncByteStream):
    def __init__(self, response: httpx2.Response, most: int) -> None:
        self._response, self._most = response, most

    def __iter__(self) -> Iterator[bytes]:
        seen = 0
        for chunk in self._response.iter_raw():
            seen += len(chunk)
            if seen > self._most:
                raise invalid(f"the Hub answers with more than {self._most} bytes. Use another source.")
            yield chunk

    def close(self) -> None:
        self._response.close()
