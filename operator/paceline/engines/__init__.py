"""Engines: how each is run, probed and measured. `plan` resolves what a ModelDeployment left open."""

from paceline.engines.base import EngineImages, EnginePlan, MetricNames, Probe, Probes
from paceline.engines.resolve import engine_type, inference, plan

__all__ = ["EngineImages", "EnginePlan", "MetricNames", "Probe", "Probes", "engine_type", "inference", "plan"]
