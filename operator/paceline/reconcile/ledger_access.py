"""How the operator reaches the ledger."""

from __future__ import annotations

import ssl
from pathlib import Path

import aiohttp

from paceline.errors import PacelineError
from paceline.settings import Gateways

#: What asking it may raise: the token or the authority cannot be read, it does not answer, or not as it should.
FAILURES = (OSError, aiohttp.ClientError, TimeoutError, ValueError, PacelineError)

TIMEOUT = aiohttp.ClientTimeout(total=10)


def session() -> aiohttp.ClientSession:
    """Connections to the ledger."""
    return aiohttp.ClientSession(timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())


def url(given: Gateways, path: str) -> str:
    """Of a path of the ledger."""
    return f"https://{given.ledger_host}:{given.ledger_port}{path}"


def credentials(given: Gateways, authority: str) -> tuple[str, ssl.SSLContext]:
    """The token that the ledger gets, read anew because it is exchanged, and whom it must be signed by.

    Args:
        given: Of the configuration in force.
        authority: Who may have signed, as PEM.

    Raises:
        OSError, ValueError: they cannot be read.
    """
    token = Path(given.token_file).read_text(encoding="ascii").strip()
    return token, ssl.create_default_context(cadata=authority)
