"""HTTP for files: ranges, bounds on everything, and a token that stays with the host it is for."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from paceline.errors import PacelineError, Stalled
from paceline.fetch.reasons import NOT_FOUND, REFUSED, UNAUTHORIZED, Unreachable, cause, changed, invalid

_MOST_REDIRECTS = 5
_CONNECT_SECONDS = 10.0
#: Longest silence within an answer.
_SILENCE_SECONDS = 30.0
#: A server without ranges makes us read what lies before; beyond this it is no use.
_MOST_SKIPPED_BYTES = 64 * 1024 * 1024
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})


@dataclass(frozen=True, slots=True)
class Head:
    """What a server says of a file.

    Attributes:
        size: Bytes of the whole file; None where it does not say.
        version: Strong ETag, else Last-Modified, else "".
        media: Content-Type without parameters.
    """

    size: int | None
    version: str
    media: str


class Web:
    """A client for one host and wherever it redirects to.

    Args:
        token: Sent as Authorization: Bearer, and dropped by any redirect to another origin.
        secure: Whether nothing but https may be spoken.
    """

    def __init__(self, token: str | None, *, secure: bool) -> None:
        # Compressed answers have neither ranges nor an honest length, and may blow up.
        headers = {"Accept-Encoding": "identity", "User-Agent": "paceline-fetch"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._headers = headers
        self._client = httpx.Client(
            follow_redirects=True,
            max_redirects=_MOST_REDIRECTS,
            timeout=httpx.Timeout(_SILENCE_SECONDS, connect=_CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=16),
            event_hooks={"request": [keep_https] if secure else []},
        )

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def head(self, url: str) -> Head | None:
        """What there is, by a request for its first byte, which more servers answer right than HEAD; None: nothing."""
        with self._open(url, {"Range": "bytes=0-0"}) as response:
            if response.status_code in {404, 410}:
                return None
            if response.status_code != 416:
                _check_status(response)
            total = response.headers.get("Content-Range", "").rpartition("/")[2]
            length = total if response.status_code in {206, 416} else response.headers.get("Content-Length", "")
            media = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            return Head(int(length) if _digits(length) else None, version_of(response.headers), media)

    def read(self, url: str, start: int, length: int, version: str = "") -> bytes:
        """A range of a file; shorter where the file ends.

        Args:
            url: The file.
            start: First byte.
            length: Most bytes.
            version: What the server must call this content; "" for anything.
        """
        if length <= 0:
            return b""
        found = bytearray()
        with self._open(url, {"Range": f"bytes={start}-{start + length - 1}"}) as response:
            if response.status_code == 416:
                return b""
            if response.status_code == 200 and start > _MOST_SKIPPED_BYTES:
                raise invalid(f"{host(url)} knows no ranges (RFC 9110), which a file of this size needs. Use another.")
            for chunk in _from(response, start, version):
                found += chunk
                if len(found) >= length:
                    break
        return bytes(found[:length])

    def stream(self, url: str, start: int, version: str = "") -> Iterator[bytes]:
        """A file from a byte to its end."""
        with self._open(url, {"Range": f"bytes={start}-"} if start else {}) as response:
            yield from _from(response, start, version)

    @contextmanager
    def _open(self, url: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        try:
            with self._client.stream("GET", url, headers={**self._headers, **headers}) as response:
                if response.headers.get("Content-Encoding", "identity").lower() not in {"identity", ""}:
                    raise invalid(
                        f"{host(url)} compresses files, so that they cannot be checked. Serve them as they are."
                    )
                yield response
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            raise connection_error(error, url) from error


def host(url: str) -> str:
    """The host of a URL, for messages; never its path or query, where secrets may be."""
    return urlsplit(url).hostname or "the source"


def version_of(headers: Mapping[str, str]) -> str:
    """What tells this content from another: a strong ETag, or the time of its last change."""
    tag = headers.get("ETag", "").strip()
    if tag and not tag.startswith("W/"):
        return tag[:200]
    return headers.get("Last-Modified", "").strip()[:100]


def status_error(status: int, where: str, headers: Mapping[str, str]) -> PacelineError:
    """The error that a status means."""
    if status in {401, 403}:
        return Stalled(
            UNAUTHORIZED,
            f"{where} answers {status}. Name a secret with secretRef whose token may read this source; a gated model "
            "also wants its licence accepted.",
        )
    if status in {404, 410}:
        return Stalled(NOT_FOUND, f"{where} has no such file or repository ({status}). Correct uri, revision or file.")
    if status in _PASSING or status >= 500:
        asked = headers.get("Retry-After", "")
        return Unreachable(f"{where} answers {status}. It is tried again.", float(asked) if _digits(asked) else 0)
    return invalid(f"{where} answers {status}, which is no file. Correct uri.")


def keep_https(request: Any) -> None:
    """A hook on requests of either httpx: what began with https is not redirected to where others can read it.

    Raises:
        Stalled: reason SourceRefused.
    """
    if request.url.scheme != "https":
        raise Stalled(REFUSED, f"the source redirects from https to {request.url.scheme}. Use another source.")


def connection_error(error: Exception, url: str) -> PacelineError:
    """The error that a failed request means. Names are compared, for huggingface_hub brings a httpx of its own."""
    where, name, text = host(url), type(error).__name__, str(error)
    if own := cause(error):
        return own
    if name == "TooManyRedirects":
        return Stalled(REFUSED, f"{where} redirects more than {_MOST_REDIRECTS} times. Use the final address.")
    if name in {"UnsupportedProtocol", "InvalidURL"} or "location header" in text:
        return Stalled(REFUSED, f"{where} leads to an address that is neither http nor https. Use another source.")
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return Stalled(REFUSED, f"the certificate of {where} is not to be trusted. Correct it, or use another source.")
    return Unreachable(f"{where} could not be read ({name}). It is tried again.")


def _check_status(response: httpx.Response) -> None:
    if response.status_code not in {200, 206}:
        raise status_error(response.status_code, host(str(response.request.url)), response.headers)


def _from(response: httpx.Response, start: int, version: str) -> Iterator[bytes]:
    """The bytes from a place on, whether or not the server heeds ranges."""
    _check_status(response)
    where = host(str(response.request.url))
    if version and version_of(response.headers) not in {version, ""}:
        raise changed(f"{where} has another version of the file")
    skip = start
    if response.status_code == 206:
        unit, _, rest = response.headers.get("Content-Range", "").partition(" ")
        first = rest.partition("-")[0]
        if unit != "bytes" or not _digits(first) or int(first) != start:
            raise Unreachable(f"{where} answers with another range than it was asked for. It is tried again.")
        skip = 0
    # As they come: larger chunks would be gathered first, and lost when the connection breaks.
    for chunk in response.iter_raw():
        kept = chunk[skip:]
        skip -= min(skip, len(chunk))
        if kept:
            yield kept


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18
