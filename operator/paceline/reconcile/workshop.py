"""Reads what a Gateway's routes follow from, and translates it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from zoneinfo import available_timezones

from paceline.api.consumer import Consumer
from paceline.api.gateway import Gateway
from paceline.decide.observation import PodView
from paceline.gateway import keys, texts
from paceline.gateway.consumers import names
from paceline.gateway.ir import Endpoint, Service
from paceline.gateway.observation import Observation, Site
from paceline.gateway.translate import Translation, translate
from paceline.kube.client import Api
from paceline.kube.resources import CONFIGMAPS, SECRETS, Key
from paceline.kube.values import Values
from paceline.reconcile.neighbours import Neighbours
from paceline.render.gateway.pod import AUTHORITY_FILE, CLIENTS_PORT, TOKEN_FILE
from paceline.render.gateway.pod import SECRETS as SECRETS_FOLDER
from paceline.settings import OperatorSettings, now

_LEDGER = "ledger"


@cache
def _zones() -> frozenset[str]:
    """Names of the time zones that this machine knows."""
    return frozenset(available_timezones())


@dataclass(frozen=True, slots=True)
class Work:
    """What was read of a Gateway, and what it comes to.

    Attributes:
        secrets: Keys of Consumers by their reference.
        callers: Consumers that name it, by their keys.
    """

    gateway: Gateway
    translation: Translation
    secrets: Mapping[str, str] = field(repr=False)
    callers: Mapping[Key, Consumer]

    @property
    def generations(self) -> dict[Key, int]:
        """Of the Consumers that it was made of."""
        return {key: each.generation for key, each in self.callers.items()}

    @property
    def teams(self) -> dict[str, str]:
        """Of callers that have one, by their client ids."""
        return {client: each.spec.team for client, each in self._known.items() if each.spec.team}

    @property
    def graces(self) -> dict[str, int]:
        """Seconds for which callers with a Soft budget are served without the ledger, by their client ids."""
        found = {client: each.spec.grace_seconds for client, each in self._known.items()}
        return {client: seconds for client, seconds in found.items() if seconds is not None}

    @property
    def _known(self) -> dict[str, Consumer]:
        keys = self.translation.gateway.keys
        return {each.client: self.callers[Key(each.namespace, each.consumer)] for each in keys}


class Workshop:
    """Reads and translates.

    Args:
        api: The API server.
        neighbours: What routes lead to, and who calls.
        settings: In force.
    """

    def __init__(self, api: Api, neighbours: Neighbours, settings: Callable[[], OperatorSettings]) -> None:
        self._neighbours = neighbours
        self._settings = settings
        self._texts = Values(api, CONFIGMAPS)
        self._secrets = Values(api, SECRETS)

    async def work(self, gateway: Gateway, pods: Iterable[PodView]) -> Work:
        """Translate a Gateway as all is now.

        Args:
            gateway: What is asked.
            pods: Its own that are ready.

        Raises:
            PacelineError: the API server cannot be asked for what it refers to.
        """
        consumers = self._neighbours.every_consumer()
        callers = {Key(each.namespace, each.name): each for each in consumers if names(each, gateway)}
        places = {place for each in callers.values() for place in keys.references(each)}
        wanted = {(gateway.namespace, name, key) for name, key in texts.wanted(gateway)}
        secrets = {keys.reference(place): value for place, value in (await self._secrets.read(places)).items()}
        seen = Observation(
            gateway=gateway,
            site=self._site(),
            now=now(),
            gateways=self._neighbours.every_gateway(),
            consumers=tuple(callers.values()),
            models=self._neighbours.models_of(gateway),
            texts={(name, key): value for (_, name, key), value in (await self._texts.read(wanted)).items()},
            zones=_zones(),
            peers=tuple(Endpoint(pod.ip, CLIENTS_PORT) for pod in sorted(pods, key=lambda one: one.name) if pod.ip),
        )
        return Work(gateway, translate(seen, secrets), secrets, callers)

    async def lacks_key(self, consumer: Consumer) -> bool:
        """Whether the Secret with the key that is generated for a Consumer is not there."""
        place = keys.references(consumer)[0]
        if place in await self._secrets.read([place]):
            return False
        self._secrets.forget(Key(*place[:2]))  # it is made now, and to be found at the next look
        return True

    def _site(self) -> Site:
        given = self._settings().gateways
        return Site(
            ledger=Service(_LEDGER, given.ledger_host, given.ledger_port, AUTHORITY_FILE, TOKEN_FILE),
            hosts=given.hosts,
            folder=SECRETS_FOLDER,
            port=CLIENTS_PORT,
        )
