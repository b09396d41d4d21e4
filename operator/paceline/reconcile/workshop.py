"""Reads what a Gateway's routes follow from, and translates it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from zoneinfo import available_timezones

from paceline.api.consumer import Consumer
from paceline.api.consumer_reasons import CHILD_CONFLICT
from paceline.api.gateway import Gateway
from paceline.decide.observation import PodView
from paceline.errors import Stalled, Waiting
from paceline.gateway import ir, keys, texts
from paceline.gateway.consumers import names
from paceline.gateway.ir import Endpoint, Service
from paceline.gateway.observation import Model, Observation, Site
from paceline.gateway.translate import Translation, translate
from paceline.kube.client import Api
from paceline.kube.issuer import OwnIssuer
from paceline.kube.resources import CONFIGMAPS, SECRETS, Key
from paceline.kube.values import Values
from paceline.reconcile.neighbours import Neighbours
from paceline.render.gateway.pod import AUTHORITY_FILE, CLIENTS_PORT, TOKEN_FILE
from paceline.render.gateway.pod import SECRETS as SECRETS_FOLDER
from paceline.settings import OperatorSettings, now

_LEDGER = "ledger"
_TRACES = "traces"


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
        models: ModelDeployments that it may serve, by their keys, as they were read.
    """

    gateway: Gateway
    translation: Translation
    secrets: Mapping[str, str] = field(repr=False)
    callers: Mapping[Key, Consumer]
    models: Mapping[Key, Model]

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
        made = self.translation.gateway
        known: list[ir.Key | ir.Identity] = [*made.keys, *made.identities]
        return {each.client: self.callers[Key(each.namespace, each.consumer)] for each in known}


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
        self._issuer = OwnIssuer(api)

    async def work(self, gateway: Gateway, pods: Iterable[PodView], *, anew: bool = False) -> Work:
        """Translate a Gateway as all is now.

        Args:
            gateway: What is asked.
            pods: Its own that are ready.
            anew: Secrets and ConfigMaps are read now, however short ago they were.

        Raises:
            PacelineError: the API server cannot be asked for what it refers to.
        """
        consumers = self._neighbours.every_consumer()
        callers = {Key(each.namespace, each.name): each for each in consumers if names(each, gateway)}
        wanted = {(gateway.namespace, name, key) for name, key in texts.wanted(gateway)}
        if anew:
            self._secrets.expire({place for each in callers.values() for place in keys.references(each)})
            self._texts.expire(wanted)
        secrets = await self._keys(callers.values())
        seen = Observation(
            gateway=gateway,
            site=self._site(),
            now=now(),
            gateways=self._neighbours.every_gateway(),
            consumers=tuple(callers.values()),
            models=self._neighbours.models_of(gateway),
            namespaces=await self._neighbours.labels_for([gateway]),
            labelled=self._neighbours.namespaces.known,
            texts={(name, key): value for (_, name, key), value in (await self._texts.read(wanted)).items()},
            zones=_zones(),
            issuers=await self._issuers(callers.values()),
            peers=tuple(Endpoint(pod.ip, CLIENTS_PORT) for pod in sorted(pods, key=lambda one: one.name) if pod.ip),
        )
        models = {Key(each.md.namespace, each.md.name): each for each in seen.models}
        return Work(gateway, translate(seen, secrets), secrets, callers, models)

    async def lacks_key(self, consumer: Consumer) -> bool:
        """Whether the Secret with the key that is generated for a Consumer is not there.

        Raises:
            Waiting: reason ChildConflict, it is that of an earlier Consumer of this name, whose key lets nobody in.
            Stalled: reason ChildConflict, it is somebody else's.
            PacelineError: the API server cannot be asked.
        """
        place = keys.references(consumer)[0]
        there = place in await self._secrets.read([place])
        owner = self._secrets.owner(Key(*place[:2]))
        if there and owner == consumer.uid:
            return False
        self.forget_key(consumer)  # what is to be done about it is to be found at the next look
        if owner and owner != consumer.uid:
            words = f"Secret {place[1]} belongs to an earlier object of this name and waits for garbage collection."
            raise Waiting(CHILD_CONFLICT.name, f"{words} If it stays, delete it.")
        if owner == "":
            words = f"A Secret named {place[1]} exists and is not ours: it is left alone."
            raise Stalled(CHILD_CONFLICT.name, f"{words} {CHILD_CONFLICT.remedy}")
        return True

    def forget_key(self, consumer: Consumer) -> None:
        """Read the Secret with the key that is generated for a Consumer anew when it is asked for again."""
        self._secrets.forget(Key(*keys.references(consumer)[0][:2]))

    async def _keys(self, callers: Iterable[Consumer]) -> dict[str, str]:
        """Keys by their reference. A generated one is its Consumer's own, and not that of an earlier one."""
        generated = {keys.references(each)[0]: each.uid for each in callers if not each.spec.credentials}
        found = await self._secrets.read({place for each in callers for place in keys.references(each)})
        return {
            keys.reference(place): value
            for place, value in found.items()
            if place not in generated or self._secrets.owner(Key(*place[:2])) == generated[place]
        }

    async def _issuers(self, callers: Iterable[Consumer]) -> Mapping[str, str]:
        """Key sets that are known without asking outside, where somebody has tokens."""
        signed = any(each.jwt for caller in callers for each in caller.spec.credentials)
        return await self._issuer.keys() if signed else {}

    def _site(self) -> Site:
        given = self._settings().gateways
        return Site(
            ledger=Service(_LEDGER, given.ledger_host, given.ledger_port, AUTHORITY_FILE, TOKEN_FILE),
            hosts=given.hosts,
            adapter=given.adapter,
            collector=Service(_TRACES, given.collector_host, given.collector_port) if given.collector_host else None,
            traced_percent=given.traced_percent,
            folder=SECRETS_FOLDER,
            port=CLIENTS_PORT,
        )
