"""How the operator reaches the ledger."""

from __future__ import annotations

import ssl
from pathlib import Path

import aiohttp

from paceline.settings import Gateways

TIMEOUT = aiohttp.ClientTimeout(total=10)


def session() -> aiohttp.ClientSession:
    """Connections to the ledger."""
    return aiohttp.ClientSession(timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())


def url(given: Gateways, path: str) -> str:
    """Of a path of the ledger."""
    return f"https://{given.ledger_host}:{given.ledger_port}{path}"


def credentials(given: Gateways) -> tuple[str, ssl.SSLContext]:
    """The token that the ledger gets, and whom it must be signed by. Both are exchanged in time, so they are read anew.

    Raises:
        OSError, ValueError: they cannot be read.
    """
    token = Path(given.token_file).read_text(encoding="ascii").strip()
    return token, ssl.create_default_context(cafile=str(Path(given.tls_folder) / "ca.crt"))
