"""Who sends a request, by a ServiceAccount's token: in a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from paceline.api.names import GATEWAY_ROLE, child_name
from paceline.kube.reviews import Reviews
from paceline.ledger.service.verifier import Identity

_PREFIX = "system:serviceaccount"


class ReviewedTokens:
    """Tokens that the API server knows.

    Args:
        reviews: For the audience that paceline's tokens have.
        operator: Name of the operator's ServiceAccount, namespace/name.
        gateways: Those that the document in force names, namespace/name.
        reader: Name of the ServiceAccount for which people ask for tokens, to read; "" where there is none.
    """

    def __init__(
        self, reviews: Reviews, operator: str, gateways: Callable[[], Iterable[str]], reader: str = ""
    ) -> None:
        self._reviews = reviews
        self._operator = _user(operator)
        self._reader = _user(reader) if reader else ""
        self._gateways = gateways

    async def verify(self, token: str) -> Identity | None:
        """Who has this token: the operator, a reader, or a pod of a gateway; None for all others.

        Raises:
            PacelineError: the API server cannot be asked.
        """
        found = await self._reviews.review(token)
        if found is None:
            return None
        if found.name == self._operator:
            return Identity("operator", frozenset({"configure", "read"}))
        if found.name == self._reader:
            return Identity("reader", frozenset({"read"}))
        for gateway in self._gateways():
            namespace, _, name = gateway.partition("/")
            if found.pod and found.name == f"{_PREFIX}:{namespace}:{child_name(namespace, name, GATEWAY_ROLE)}":
                pod = f"{namespace}/{found.pod}"
                return Identity(pod, frozenset({"gateway"}), gateway, pod)
        return None


def _user(account: str) -> str:
    """The user name of a ServiceAccount, namespace/name."""
    return f"{_PREFIX}:{account.replace('/', ':')}"
