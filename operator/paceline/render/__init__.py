"""From a ModelDeployment and its plan to manifests: data in, data out. Each output has a golden file."""

from paceline.render.modeldeployment import children, revision_of

__all__ = ["children", "revision_of"]
