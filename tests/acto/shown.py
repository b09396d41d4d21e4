"""Where a change of a Gateway or a Consumer shows: in children, in its program, in what the ledger is told, in words.

Without a cluster: the same pure functions that the stories call, in a world in which everything that the examples
name is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import available_timezones

from paceline.api.consumer import Consumer
from paceline.api.gateway import Gateway
from paceline.api.modeldeployment import ModelDeployment
from paceline.decide.gateway_status import address
from paceline.errors import Stalled
from paceline.gateway import snapshot
from paceline.gateway.consumers import unresolved
from paceline.gateway.observation import Observation
from paceline.gateway.translate import translate
from paceline.render.gateway import children
from tests.acto.doors import kinds
from tests.support import consumers, gateways, models
from tests.support.gateways import SETUP
from tests.support.translating import NOW, SITE, keys_of, served

#: Where the example's Gateway is, as the Consumer names it, and where the Consumer is.
HOME, THERE = "platform", "support"
#: Of namespaces with Consumers. The example takes those of `support` alone; each part of its selector keeps some out.
LABELS = {
    "support": {"example.com/tier": "product"},
    "support1": {"example.com/tier": "product"},
    "partner": {"example.com/tier": "product"},
    "sales": {},
}
_TEXTS = {
    ("support-prompt", "v7"): "Be kind.",
    ("support-prompt", "v8"): "Be brief.",
    ("support-answer", "schema.json"): '{"type": "object"}',
}
_ZONES = frozenset(available_timezones())
_SITE = replace(SITE, hosts=("*",), adapter=True)


@dataclass(frozen=True)
class Shown:
    """What an object comes to.

    Attributes:
        problem: The object as a whole cannot be carried out; "" where it can.
        picture: Everything else that anybody sees.
        told: Reasons, and what they are about.
    """

    problem: str
    picture: Mapping[str, Any]
    told: tuple[tuple[str, str, str], ...] = ()


def shown(kind: str, spec: Mapping[str, Any]) -> Shown:
    """What a spec of one of the two kinds comes to, the other one as in its example."""
    specs = {each.name: each.seeds[each.name] for each in kinds()} | {kind: spec}
    try:
        gateway = Gateway.parse({**gateways.manifest(), "metadata": _about("public", HOME), "spec": specs["gateway"]})
        calling = Consumer.parse({**consumers.manifest(), "metadata": _about("site", THERE), "spec": specs["consumer"]})
    except Stalled as problem:
        return Shown(problem.message, {})
    return _carried_out(gateway, calling)


def _others() -> Iterator[Consumer]:
    """Consumers by which it shows whom a Gateway takes."""
    spec = {"gatewayRefs": [{"name": "public", "namespace": HOME}], "models": ["*"], "credentials": [consumers.key()]}
    for namespace in LABELS:
        about = _about(f"of-{namespace}", namespace)
        yield Consumer.parse({**consumers.manifest(), "metadata": about, "spec": spec})


def _about(name: str, namespace: str) -> dict[str, Any]:
    return {"namespace": namespace, "name": name, "uid": f"uid-{name}", "generation": 2}


def _carried_out(gateway: Gateway, calling: Consumer) -> Shown:
    secrets = keys_of(*_others()) | {
        f"{THERE}/support-site-keys/{key}": f"pl_{key * 10}" for key in ("first", "second")
    }
    seen = Observation(
        gateway=gateway,
        site=_SITE,
        now=NOW,
        gateways=(gateway,),
        consumers=(calling, *_others()),
        models=(*(served(_model(name)) for name in ("support-llm", "support-llm-next")), served(_model("own", HOME))),
        namespaces=LABELS,
        texts=_TEXTS,
        zones=_ZONES,
    )
    made = translate(seen, secrets)
    program, addresses = snapshot.program(made.gateway, secrets, {}, "/etc/paceline/gateway")
    picture = {
        "program": dict(program.files),
        "models": dict(program.models),
        "addresses": addresses,
        "children": children(gateway, SETUP, made.mounts),
        "terms": made.terms,
        "address": address(gateway),
    }
    findings = {*made.findings, *unresolved(calling, (gateway,), LABELS)}
    return Shown("", picture, tuple(sorted((each.reason, each.subject, each.message) for each in findings)))


def _model(name: str, namespace: str = "ml") -> ModelDeployment:
    spec = {
        "model": {"uri": "hf://acme/support"},
        "sharedWith": [{"gatewayNamespace": HOME}],
        "adapters": [{"name": "refunds-lora", "uri": "hf://acme/refunds"}],
    }
    return models.model(spec, name=name, namespace=namespace)
