"""What the cache holds of one ModelDeployment's children."""

from __future__ import annotations

from paceline.api.revision import Revision
from paceline.decide.observation import Children, DeploymentView, FetchView, PodView
from paceline.kube.cache import Cache
from paceline.kube.resources import Key


def children_of(cache: Cache, key: Key, uid: str) -> Children:
    """The children of that very owner; of pods, all that carry its label."""
    deployment, pods, revisions, fetches = None, [], [], []
    for _, _, child in cache.owned(key):
        view, ours = child.view, child.owner_uid == uid and not child.deleting
        if isinstance(view, PodView):
            pods.append(view)
        elif isinstance(view, DeploymentView) and child.owner_uid == uid:
            deployment = view
        elif isinstance(view, Revision) and ours:
            revisions.append(view)
        elif isinstance(view, FetchView):
            fetches.append(view)
    return Children(deployment, tuple(pods), tuple(revisions), tuple(fetches))
