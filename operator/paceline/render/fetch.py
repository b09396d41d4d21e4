"""What looks up and fetches a model's files: a Job before there is a revision, a container before each engine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from paceline.api.digest import short
from paceline.api.model_spec import Cache
from paceline.api.modeldeployment import ModelDeployment
from paceline.api.names import FETCH_ROLE, LABEL_OWNER, LABEL_SOURCES, child_name
from paceline.api.profile import HardwareProfile
from paceline.api.revision import CONTAINED
from paceline.api.source import Source, folder_of
from paceline.engines.base import EnginePlan
from paceline.engines.files import CLAIMS, ROOT, SECRETS, FetchSetup, Files, claim, secret_of, sources
from paceline.render.labels import Manifest, labels, metadata

#: Exit code of a fetch that will not go better by itself.
HOPELESS = 3
#: With Kubernetes' back-off (10 s, doubled up to 6 min) about six hours of trying.
_TRIES = 60
#: After this many seconds an ended Job is removed, and so made anew where it failed.
_KEPT_SECONDS = 600
_LONGEST_SECONDS = 86400
_TEMPLATE = "/etc/paceline/chat-template"
_PRIVATE_4 = (
    "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16",
)  # fmt: skip
_PRIVATE_6 = ("::1/128", "64:ff9b::/96", "fc00::/7", "fe80::/10")


def asked(md: ModelDeployment) -> str:
    """Digest of what a lookup is asked for; "" where there is nothing to look up."""
    wanted = sources(md)
    model = md.spec.model
    if not wanted:
        return ""
    claims = [uri for uri in (model.uri, *(one.uri for one in md.spec.adapters)) if uri.startswith("pvc://")]
    template = model.chat_template_ref.model_dump() if model.chat_template_ref else None
    return short([[one.model_dump() for one in wanted], claims, template, _claim_name(model.cache)])


def lookup(md: ModelDeployment, profile: HardwareProfile, plan: EnginePlan, setup: FetchSetup) -> tuple[Manifest, ...]:
    """The Job that looks the sources up (and fills the shared volume, where there is one), and its egress policy.

    Args:
        md: What is asked; with sources.
        profile: Whose taints are tolerated.
        plan: Of the engine that is to read the files; the Job writes them as the same user.
        setup: What the operator's configuration says of fetching.
    """
    wanted, model = sources(md), md.spec.model
    arguments = [f"--source={_text(one)}" for one in wanted]
    mounts = [*_secret_mounts(wanted), *_claim_mounts(md, wanted)]
    volumes = [*_secret_volumes(md, wanted), *claim_volumes(md)]
    if model.chat_template_ref:
        ref = model.chat_template_ref
        arguments.append(f"--chat-template={_TEMPLATE}/{ref.key}")
        mounts.append({"name": "chat-template", "mountPath": _TEMPLATE, "readOnly": True})
        items = [{"key": ref.key, "path": ref.key}]
        volumes.append({"name": "chat-template", "configMap": {"name": ref.name, "items": items, "optional": True}})
    if _claim_name(model.cache):
        arguments += [f"--into={ROOT}", "--shared"]
        mounts.append({"name": "models", "mountPath": ROOT, "subPath": "paceline/models"})
        volumes.append(models_volume(model.cache))
    container = _container(setup, arguments, mounts)
    return _egress(md, plan.type, setup), _job(md, profile, plan, container, volumes)


def fetching(md: ModelDeployment, files: Files) -> list[Manifest]:
    """The container that brings the files into a pod before its engine starts; none where they are mounted."""
    fetched = [one for one in files.pinned if not one.uri.startswith("file://")]
    if not fetched:
        return []
    shared = bool(_claim_name(md.spec.model.cache))
    models = {"name": "models", "mountPath": ROOT} | ({"subPath": "paceline/models"} if shared else {})
    arguments = [*(f"--source={_text(one)}" for one in fetched), f"--into={ROOT}", *(["--shared"] if shared else [])]
    made = _container(files.setup, arguments, [*_secret_mounts(fetched), models])
    if not shared:  # a node whose disk is too small for the files is not chosen
        made["resources"]["requests"]["ephemeral-storage"] = f"{-(-files.size // 2**20)}Mi"
    return [made]


def engine_mounts(md: ModelDeployment, pinned: Sequence[Source]) -> list[Manifest]:
    """Where an engine finds its files; it cannot change them."""
    uris = _uris(md)
    mounts = []
    for one in pinned:
        if one.uri.startswith("file://"):
            volume, path = f"claim-{one.name}", claim(uris[one.name])[1]
        else:
            shared = bool(_claim_name(md.spec.model.cache))
            volume, path = "models", f"paceline/models/{folder_of(one, one.commit or '')}" if shared else one.name
        mount = {"name": volume, "mountPath": f"{ROOT}/{one.name}", "readOnly": True}
        mounts.append(mount | ({"subPath": path} if path else {}))
    return mounts


def pod_volumes(md: ModelDeployment, pinned: Sequence[Source]) -> list[Manifest]:
    """Volumes of a pod that serves these sources."""
    fetched = any(not one.uri.startswith("file://") for one in pinned)
    own = [models_volume(md.spec.model.cache)] if fetched else []
    return [*own, *_secret_volumes(md, pinned), *claim_volumes(md)]


def models_volume(cache: Cache | None) -> Manifest:
    """Where fetched files are kept."""
    name = _claim_name(cache)
    return {"name": "models", **({"persistentVolumeClaim": {"claimName": name}} if name else {"emptyDir": {}})}


def claim_volumes(md: ModelDeployment) -> list[Manifest]:
    """A volume for each source that is a claim."""
    return [
        {"name": f"claim-{name}", "persistentVolumeClaim": {"claimName": claim(uri)[0], "readOnly": True}}
        for name, uri in _uris(md).items()
        if uri.startswith("pvc://")
    ]


def _uris(md: ModelDeployment) -> dict[str, str]:
    """The uri of each source as the spec has it."""
    written = (md.spec.model.uri, *(one.uri for one in md.spec.adapters))
    return dict(zip((one.name for one in sources(md)), written, strict=True))


def _claim_name(cache: Cache | None) -> str:
    return cache.shared_volume.claim_name if cache and cache.shared_volume else ""


def _text(source: Source) -> str:
    return json.dumps(source.model_dump(by_alias=True, exclude_none=True), separators=(",", ":"), sort_keys=True)


def _secret_mounts(wanted: Iterable[Source]) -> list[Manifest]:
    return [
        {"name": f"secret-{one.name}", "mountPath": f"{SECRETS}/{one.name}", "readOnly": True}
        for one in wanted
        if one.secret_file
    ]


def _secret_volumes(md: ModelDeployment, wanted: Iterable[Source]) -> list[Manifest]:
    """Optional, so that a pod runs and says which Secret is missing instead of waiting without a word."""
    found = ((one.name, secret_of(md, one.name)) for one in wanted if one.secret_file)
    return [
        {
            "name": f"secret-{name}",
            "secret": {"secretName": ref.name, "items": [{"key": ref.key, "path": ref.key}], "optional": True},
        }
        for name, ref in found
        if ref
    ]


def _claim_mounts(md: ModelDeployment, wanted: Iterable[Source]) -> list[Manifest]:
    uris = _uris(md)
    mounts = []
    for one in wanted:
        if one.uri.startswith("file://"):
            path = claim(uris[one.name])[1]
            mount = {"name": f"claim-{one.name}", "mountPath": f"{CLAIMS}/{one.name}", "readOnly": True}
            mounts.append(mount | ({"subPath": path} if path else {}))
    return mounts


def _container(setup: FetchSetup, arguments: Iterable[str], mounts: Iterable[Manifest]) -> Manifest:
    env = [{"name": name, "value": value} for name, value in setup.env]
    return {
        "name": FETCH_ROLE,
        "image": setup.image,
        "command": ["paceline", "fetch"],
        "args": [
            *arguments,
            *(f"--allow-network={each}" for each in setup.allowed_networks),
            "--report=/dev/termination-log",
        ],
        **({"env": env} if env else {}),
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": CONTAINED,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, *mounts],  # noqa: S108 - an emptyDir
    }


def _job(
    md: ModelDeployment, profile: HardwareProfile, plan: EnginePlan, container: Manifest, volumes: list[Manifest]
) -> Manifest:
    """Named by its content, because the template of a Job cannot change."""
    described = metadata(md, plan.type)
    marks = {**labels(md, plan.type), "app.kubernetes.io/component": FETCH_ROLE, LABEL_SOURCES: asked(md)}
    pod: Manifest = {
        "restartPolicy": "Never",
        "serviceAccountName": child_name(md.namespace, md.name),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": plan.run_as_user,
            "fsGroup": plan.run_as_user,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}, *volumes],
    }
    # Tolerations are permission: all nodes may be tainted. The nodeSelector is left out, as it would put a pod that
    # needs no accelerator on the nodes that have one; where a volume is bound to some nodes, the scheduler knows it.
    if tolerations := (*profile.tolerations, *md.spec.template.tolerations):
        pod["tolerations"] = [each.model_dump(by_alias=True, exclude_none=True) for each in tolerations]
    if md.spec.template.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": secret.name} for secret in md.spec.template.image_pull_secrets]
    spec = {
        "backoffLimit": _TRIES,
        "activeDeadlineSeconds": _LONGEST_SECONDS,
        "ttlSecondsAfterFinished": _KEPT_SECONDS,
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "FailJob",
                    "onExitCodes": {"containerName": FETCH_ROLE, "operator": "In", "values": [HOPELESS]},
                },
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            ]
        },
        "template": {"metadata": {"labels": dict(marks)}, "spec": pod},
    }
    name = child_name(md.namespace, md.name, f"{FETCH_ROLE}-{short(spec)}")
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**described, "name": name, "labels": marks},
        "spec": spec,
    }


def _egress(md: ModelDeployment, engine_type: str, setup: FetchSetup) -> Manifest:
    """Names are asked anywhere, everything else of public addresses and allowed networks only."""
    described = metadata(md, engine_type)
    marks = {**described["labels"], "app.kubernetes.io/component": FETCH_ROLE}
    public = [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": list(_PRIVATE_4)}},
        {"ipBlock": {"cidr": "::/0", "except": list(_PRIVATE_6)}},
        *({"ipBlock": {"cidr": each}} for each in setup.allowed_networks),
    ]
    names = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {**described, "name": child_name(md.namespace, md.name, FETCH_ROLE), "labels": marks},
        "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/component": FETCH_ROLE, LABEL_OWNER: md.name}},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [{"ports": names}, {"to": public}],
        },
    }
