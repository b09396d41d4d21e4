"""What spec.template adds to a plan, and what it may not take from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from paceline.api.modeldeployment import ModelDeployment
from paceline.api.profile import HardwareProfile
from paceline.engines.base import EnginePlan
from paceline.errors import Stalled


def overridden(plan: EnginePlan, md: ModelDeployment, profile: HardwareProfile) -> EnginePlan:
    """The plan with the resources and variables of spec.template.

    Raises:
        Stalled: reason InvalidSpec, when spec.template sets what the engine or the profile sets.
    """
    template = md.spec.template
    _refuse("env", "the engine", (one.name for one in template.env), dict(plan.env))
    _refuse("nodeSelector", f'profile "{profile.name}"', template.node_selector, profile.node_selector)
    resources = template.resources
    if resources is None:
        return replace(plan, env=(*plan.env, *((one.name, one.value) for one in template.env)))
    return replace(
        plan,
        env=(*plan.env, *((one.name, one.value) for one in template.env)),
        requests=_merged(plan.requests, resources.requests),
        limits=_merged(plan.limits, resources.limits),
    )


def _merged(given: Iterable[tuple[str, str]], more: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({**dict(given), **more}.items()))


def _refuse(field: str, owner: str, names: Iterable[str], taken: Mapping[str, str]) -> None:
    both = sorted(set(names) & taken.keys())
    if both:
        raise Stalled(
            "InvalidSpec",
            f"spec.template.{field} sets {', '.join(both)}, which {owner} sets. Remove it from spec.template.",
        )
