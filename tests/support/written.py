"""Gateways as they come of kinds: Consumers with their models, routes to ModelDeployments at known addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from paceline.api.consumer import Consumer
from paceline.api.modeldeployment import ModelDeployment
from paceline.api.names import key_secret
from paceline.gateway.ir import Endpoint, Gateway, Service
from paceline.gateway.keys import reference, references
from paceline.gateway.observation import Observation, Site
from paceline.gateway.translate import Translation, translate
from tests.support import consumers, gateways, models
from tests.support.door import token
from tests.support.envoy import LOOPBACK
from tests.support.ledger_config import GATEWAY
from tests.support.ports import free_port
from tests.support.translating import keys_of, seen, served


@dataclass(frozen=True)
class Written:
    """What was written, and what came of it.

    Attributes:
        keys: The first one of each Consumer, by its name.
    """

    seen: Observation
    secrets: dict[str, str]
    made: Translation
    gateway: Gateway
    keys: dict[str, str]

    def token(self, deployment: str) -> str:
        """Of the engines of a ModelDeployment that asks for one."""
        return f"token-of-{key_secret(deployment)}"


#: Of everything; the gateway is the one that the ledger's tokens are for.
NAMESPACE, _ = GATEWAY.split("/")


def consumer(name: str, allowed: Sequence[str], **spec: Any) -> Consumer:
    """One with a key in a Secret of its own."""
    own = {"models": list(allowed), "credentials": [consumers.key(of=f"key-of-{name}")]}
    return consumers.consumer(own | spec, namespace=NAMESPACE, name=name, uid=name)


def written(
    folder: Path, served_at: Mapping[str, Endpoint], calling: Sequence[Consumer], ledger: int = 1, **more: Any
) -> Written:
    """Translate a Gateway with a route for each model to a ModelDeployment of its own, `md-0` and so on.

    What pods would have mounted lies in the folder: of each engine that asks for a key, `token-of-` and its Secret.

    Args:
        folder: Of the log, and of the token by which the ledger knows the gateway's pod.
        served_at: Where the one engine of each model listens.
        calling: Consumers.
        ledger: Its port on loopback; by default nobody is asked.
        more: Of the Gateway's spec; `prices` for instance. `model` is of the specs of ModelDeployments. With
            `found` routes are not listed, of which a Gateway has at most 256, but found by themselves.
    """
    names = {model: f"md-{number}" for number, model in enumerate(served_at)}
    found = more.pop("found", False)
    served_as = "{}" if found else "engine-of-{}"
    own = more.pop("model", {})
    known = {model: _deployment(names[model], served_as.format(model), own) for model in served_at}
    routes = [gateways.route(gateways.local(model=names[model]), model=model) for model in served_at]
    listed = {"routes": [], "routesFrom": "AllModelDeployments"} if found else {"routes": routes}
    wanted = gateways.gateway(listed | more, namespace=NAMESPACE)
    observed = seen(
        wanted,
        site=Site(
            Service("ledger", "ledger.example.com", ledger, token_file=token(folder, "pod-1")), folder=str(folder)
        ),
        gateways=(wanted,),
        consumers=tuple(calling),
        models=tuple(served(md, served_at[model]) for model, md in known.items()),
    )
    secrets = keys_of(*calling)
    made = translate(observed, secrets)
    for secret, names_of_keys in made.mounts.items():
        for name in names_of_keys:
            path = folder / secret / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"token-of-{secret}\n")
    listening, admin, agent = free_port(), free_port(), free_port()
    gateway = replace(
        made.gateway,
        listener=replace(made.gateway.listener, port=listening, address=LOOPBACK),
        peers=(Endpoint(LOOPBACK, listening),),
        admin_port=admin,
        agent_port=agent,
        services=tuple(replace(each, host="localhost") for each in made.gateway.services),
        log_file=str(folder / "requests.jsonl"),
    )
    keys = {each.name: secrets[reference(references(each)[0])] for each in calling}
    return Written(observed, secrets, made, gateway, keys)


def _deployment(name: str, served_name: str, spec: Mapping[str, Any]) -> ModelDeployment:
    own = {"model": {"servedName": served_name}}
    return models.model(models.merged(own, spec), namespace=NAMESPACE, name=name, uid=name)
