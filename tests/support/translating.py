"""What a translation reads, written in YAML or in a few words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, TypeAdapter

from paceline.api import consumer, gateway, modeldeployment
from paceline.api.consumer import Consumer
from paceline.api.gateway import Gateway
from paceline.api.modeldeployment import ModelDeployment
from paceline.gateway.ir import Endpoint, Service
from paceline.gateway.keys import reference, references
from paceline.gateway.observation import Model, Observation, Serving, Site
from paceline.gateway.translate import Translation, translate
from tests.support import consumers, gateways, models
from tests.support.neutral import TOKEN

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
LEDGER = Service("ledger", "paceline-ledger.paceline-system.svc", 8443, "/etc/paceline/ca.crt", TOKEN)
SITE = Site(LEDGER, hosts=("api.example.com",))
EXAMPLES = Path(__file__).resolve().parents[2] / "crds" / "examples"
#: Long enough to be a key.
KEY = "pl_not-a-real-key-0000-{}"
ADDRESS = Endpoint("10.0.0.1", 8000)


def served(md: ModelDeployment | None = None, *endpoints: Endpoint, **more: Any) -> Model:
    """A ModelDeployment with one revision of vLLM, by default with one pod that is ready."""
    md = md or models.model()
    adapters = tuple(each.name for each in md.spec.adapters)
    one = Serving("r1", "VLLM", md.served_name, adapters, endpoints or (ADDRESS,), "/health", md.spec.locked)
    return Model(md, **{"servings": (one,), **more})


def seen(gw: Gateway | None = None, **more: Any) -> Observation:
    """Gateway `models/public` with one route, `bot`, to the ModelDeployment `chat`, and one Consumer."""
    usual = {
        "gateway": gw or gateways.gateway(),
        "site": SITE,
        "now": NOW,
        "consumers": (consumers.consumer({"credentials": [consumers.key()]}),),
        "models": (served(),),
    }
    return Observation(**{**usual, **more})


def keys_of(*found: Consumer) -> dict[str, str]:
    """A key for each credential of some Consumers, each another one."""
    places = [reference(place) for each in found for place in references(each)]
    return {place: KEY.format(number) for number, place in enumerate(places)}


def made(given: Observation | None = None, secrets: Mapping[str, str] | None = None) -> Translation:
    """The translation, by default with every key there."""
    given = given or seen()
    return translate(given, keys_of(*given.consumers) if secrets is None else secrets)


def reasons(found: Translation, kind: str = "Gateway") -> list[tuple[str, str]]:
    """Reasons and subjects of the findings about a kind."""
    return [(each.reason, each.subject) for each in found.findings if each.kind == kind]


class World:
    """An observation in YAML: objects as manifests, or by the name of an example, and what was seen of them."""

    def __init__(self, text: str) -> None:
        self._given = yaml.safe_load(text)
        self._objects = [*map(self._example, self._given.get("examples", ())), *self._given.get("objects", ())]
        self.secrets: dict[str, str] = self._given.get("secrets", {})

    def _example(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        obj: dict[str, Any] = yaml.safe_load((EXAMPLES / wanted["file"]).read_text())
        return models.merged(obj, {key: value for key, value in wanted.items() if key != "file"})  # type: ignore[no-any-return]

    def _all(self, kind: str) -> Iterable[dict[str, Any]]:
        for number, each in enumerate(self._objects):
            if each["kind"] == kind:
                usual = {"uid": f"uid-{number}", "creationTimestamp": "2026-01-01T00:00:00Z"}
                yield {**each, "metadata": {**usual, **each["metadata"]}}

    def _models(self) -> Iterable[Model]:
        states = self._given.get("models", {})
        for each in self._all(modeldeployment.KIND):
            md = ModelDeployment.parse(each)
            state = states.get(f"{md.namespace}/{md.name}", {})
            yield TypeAdapter(Model).validate_python({**state, "md": md})

    @property
    def observation(self) -> Observation:
        given = self._given
        every = tuple(Gateway.parse(each) for each in self._all(gateway.KIND))
        texts = {tuple(place.split("/")): text for place, text in given.get("texts", {}).items()}
        site = {"ledger": LEDGER, **given.get("site", {})}
        return Observation(
            gateway=every[0],
            site=TypeAdapter(Site).validate_python(site),
            now=NOW,
            gateways=every,
            consumers=tuple(Consumer.parse(each) for each in self._all(consumer.KIND)),
            models=tuple(self._models()),
            namespaces=given.get("namespaces", {}),
            texts=texts,
            zones=frozenset(given.get("zones", ("UTC",))),
            issuers=given.get("issuers", {}),
            peers=tuple(Endpoint(each, 8080) for each in given.get("peers", ())),
        )


def plain(value: Any) -> Any:
    """Frozen tuples as YAML has them, without fields that have their default."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if is_dataclass(value) and not isinstance(value, type):
        kind = {"kind": type(value).__name__}
        return kind | {each.name: plain(getattr(value, each.name)) for each in fields(value) if _told(value, each)}
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    return value


def _told(value: Any, field: Any) -> bool:
    default = field.default_factory() if field.default_factory is not MISSING else field.default
    return default is MISSING or getattr(value, field.name) != default


def written(found: Translation) -> str:
    """A translation in YAML."""
    return yaml.dump(plain(found), Dumper=_Whole, sort_keys=False, allow_unicode=True, width=110)


class _Whole(yaml.SafeDumper):
    """YAML without references: each place reads by itself."""

    def ignore_aliases(self, data: object) -> bool:
        return True
