"""The entries of a Gateway's routes: those that are written, and those that are found by themselves."""

from __future__ import annotations

from collections.abc import Iterator

from paceline.api.backend_spec import Backend, ModelDeploymentBackend
from paceline.api.gateway_reasons import CONFLICTED
from paceline.api.modeldeployment import ModelDeployment
from paceline.api.route_spec import Route
from paceline.gateway.finding import Finding, of_gateway
from paceline.gateway.observation import Observation


def entries(seen: Observation) -> tuple[list[Route], list[Finding]]:
    """What is served under which name. A written entry goes before a found one, an older ModelDeployment's before."""
    gateway, findings = seen.gateway, []
    found = {each.model: each for each in gateway.spec.routes}
    owners: dict[str, ModelDeployment] = {}
    for md in _deployments(seen):
        for name, adapter in _served(md):
            if name in owners:
                findings.append(of_gateway(gateway, CONFLICTED, name, _words(name, md, owners[name])))
            elif name not in found:
                owners[name] = md
                found[name] = _entry(name, md, adapter)
    return list(found.values()), findings


def _deployments(seen: Observation) -> list[ModelDeployment]:
    """Those that are served without being named, the oldest first."""
    gateway = seen.gateway
    if gateway.spec.routes_from != "AllModelDeployments":
        return []
    own = [each.md for each in seen.models if each.md.namespace == gateway.namespace]
    return sorted(own, key=lambda md: md.seniority)


def _served(md: ModelDeployment) -> Iterator[tuple[str, str | None]]:
    """The names that clients may ask for, each with its adapter."""
    yield md.served_name, None
    for adapter in md.spec.adapters:
        yield adapter.name, adapter.name


def _entry(name: str, md: ModelDeployment, adapter: str | None) -> Route:
    """An entry that has its defaults for the rest; usage is recorded under the ModelDeployment's name."""
    named = ModelDeploymentBackend(name=md.name, adapter=adapter)
    return Route(model=name, backends=(Backend(name=md.name, type="ModelDeployment", model_deployment=named),))


def _words(name: str, younger: ModelDeployment, older: ModelDeployment) -> str:
    return (
        f"ModelDeployment {younger.name} is not served as {name}, because the older ModelDeployment {older.name} is. "
        f"Give it another model.servedName, or the adapter another name."
    )
