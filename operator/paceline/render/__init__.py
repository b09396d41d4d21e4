"""From a ModelDeployment and what was decided to manifests: data in, data out. Each output has a golden file."""

from paceline.render.deployment import midway, recreate, rolling
from paceline.render.fetch import asked, lookup
from paceline.render.identity import service_account
from paceline.render.key import engine_key
from paceline.render.modeldeployment import children
from paceline.render.revision import controller_revision, revision

__all__ = [
    "asked",
    "children",
    "controller_revision",
    "engine_key",
    "lookup",
    "midway",
    "recreate",
    "revision",
    "rolling",
    "service_account",
]
