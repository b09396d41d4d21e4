"""Pods that come and go: the same as translating anew, or not done at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from paceline.gateway.ir import Endpoint, Gateway
from paceline.gateway.moved import addressed, by_deployment, same_routes
from paceline.gateway.observation import Model, Objective, Serving
from tests.support import models
from tests.support.gateways import external, gateway, local, route
from tests.support.translating import made, seen, served

ROUTES = [
    route(local(), external(priority=1)),
    route(local(), local("shadow", weight=0), model="mirrored", mirror={"backend": "shadow", "weightPercent": 5}),
    route(local("other", "other"), model="other"),
    route(local(modelDeployment={"name": "chat", "adapter": "lora"}), model="lora"),
]
SPEC = {"model": {"uri": "hf://a/b"}, "adapters": [{"name": "lora", "uri": "hf://a/l"}]}
CHAT = models.model(SPEC)


def moved(made_of: Gateway, before: Model, after: Model) -> Gateway | None:
    """The routes with the addresses of the pods as they are; None where more may differ."""
    name = f"{after.md.namespace}/{after.md.name}"
    others = {each.name: each for each in made_of.clusters}
    found = {each.name: each for each in addressed(by_deployment(made_of).get(name, ()), after)}
    return replace(made_of, clusters=tuple((others | found).values())) if same_routes(before, after) else None


def test_clusters_outside_are_nobody_s() -> None:
    external_only = [each for each in translated(chat(1)).clusters if "deployment" not in dict(each.labels)]
    assert external_only
    assert list(addressed(external_only, chat(3))) == external_only
    assert set(by_deployment(translated(chat(1)))) == {"models/chat", "models/other"}


def translated(model: Model) -> Any:
    return made(seen(gateway({"routes": ROUTES}), models=(model, served(models.model(name="other"))))).gateway


def chat(*pods: int, **more: Any) -> Model:
    """Revisions with so many pods each."""
    servings = tuple(
        Serving(f"r{at}", "VLLM", "chat", ("lora",), tuple(Endpoint(f"10.0.{at}.{n}", 80) for n in range(count)))
        for at, count in enumerate(pods)
    )
    return Model(CHAT, servings, **more)


def test_pods_of_the_one_revision_that_answers_are_exchanged():
    before, after = chat(1, 0), chat(3, 0)
    assert moved(translated(before), before, after) == translated(after) != translated(before)


counts = st.lists(st.integers(0, 4), max_size=3)
weighted = st.dictionaries(st.sampled_from(["r0", "r1"]), st.integers(0, 2))


@given(counts, counts, weighted, st.booleans(), st.booleans())
def test_it_is_the_same_as_translating_anew(before, after, weights, full, later):
    one, other = chat(*before, weights=weights), chat(*after, weights=weights, saturated=full and later)
    found = moved(translated(one), one, other)
    assert found is None or found == translated(other)


def test_whatever_changes_more_than_addresses_is_translated_anew():
    before = chat(1)
    made_of = translated(before)
    others = [
        chat(0),
        chat(1, 1),
        chat(),
        chat(1, saturated=True),
        chat(1, objective=Objective(1, 1)),
        replace(before, md=models.model({**SPEC, "exposure": "GatewayOnly"})),
        replace(before, servings=(replace(before.servings[0], locked=True),)),
        replace(before, servings=(replace(before.servings[0], revision="new"),)),
    ]
    assert [moved(made_of, before, each) for each in others] == [None] * len(others)
    assert moved(made_of, chat(0), before) is None


def test_a_status_that_is_written_changes_no_route():
    status = {"conditions": [{"type": "Ready", "status": "True", "reason": "Answering", "message": ""}]}
    before = chat(1)
    after = replace(chat(2), md=models.model(SPEC, status))
    assert moved(translated(before), before, after) == translated(after)
