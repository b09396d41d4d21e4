"""What the operator makes of a case, without a cluster: a problem, or children, and what looks its files up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from paceline.api.names import LABEL_SOURCES
from paceline.api.reasons import RESOLVING
from paceline.decide.observation import Children, FetchView
from paceline.errors import PacelineError
from paceline.kube.resources import MODELDEPLOYMENTS, JsonObject
from paceline.reconcile.wanted import Wanted, want
from paceline.settings import OperatorSettings
from tests.acto.answers import report
from tests.acto.children import LOOKUP, Json, picture
from tests.acto.crd import spec_schema
from tests.acto.meaning import PROFILES
from tests.acto.oracles import Sight
from tests.acto.seeds import seeds
from tests.acto.verdict import defaulted


@dataclass(frozen=True)
class Rendered:
    """What came of a spec.

    Attributes:
        problem: Why it is not carried out; None where it is.
        manifests: What looks up the model's files, if it has any, and then the children, in the order in which they are
            applied.
        sight: As if all of it had been applied.
    """

    problem: PacelineError | None
    manifests: tuple[Json, ...]
    sight: Sight


def rendered(name: str, spec: Mapping[str, Any], namespace: str = "models") -> Rendered:
    """Render a spec that the API server takes.

    Raises:
        Exception: a bug; everything that can be wrong with a spec is a problem.
    """
    stored = defaulted(spec, spec_schema())
    body = {
        "apiVersion": MODELDEPLOYMENTS.api_version,
        "kind": MODELDEPLOYMENTS.kind,
        "metadata": {"namespace": namespace, "name": name, "uid": "00000000-0000-4000-8000-000000000000"},
        "spec": stored,
    }
    try:
        wanted, lookup = _looked_up(body)
    except PacelineError as error:
        return Rendered(error, (), Sight(body, {}))
    manifests = tuple(dict(each) for each in (*lookup, *wanted.manifests))
    return Rendered(wanted.problem, manifests, Sight(body, picture(manifests)))


def _looked_up(body: JsonObject) -> tuple[Wanted, tuple[JsonObject, ...]]:
    """What a spec comes to once its files are found, and what looked them up; nothing for a model without files."""
    first = want(body, _settings(), Children())
    if first.problem is None or first.problem.reason != RESOLVING.name:
        return first, ()
    lookup = tuple(each for each in first.manifests if each["kind"] in LOOKUP)
    (job,) = (each for each in lookup if each["kind"] == "Job")
    template = job["spec"]["template"]
    request = template["metadata"]["labels"][LABEL_SOURCES]
    view = FetchView("lookup", request, phase="Succeeded", report=report(template["spec"]))
    return want(body, _settings(), Children(fetches=(view,))), lookup


@cache
def seeded(name: str) -> Rendered:
    """What a seed comes to."""
    return rendered(name, next(seed.spec for seed in seeds() if seed.name == name))


@cache
def _settings() -> OperatorSettings:
    content = {"watch": {"namespaces": ["models"]}, "profiles": list(PROFILES.values())}
    return OperatorSettings.model_validate(content)
