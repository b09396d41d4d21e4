"""From a Gateway to the manifests of its children. Each output has a golden file."""

from paceline.render.gateway.children import COUNT, children
from paceline.render.gateway.setup import GatewaySetup

__all__ = ["COUNT", "GatewaySetup", "children"]
