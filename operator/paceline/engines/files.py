"""Where the files of a model and of its adapters come from, and where they are in its pods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from paceline.api.model_spec import Adapter, ModelSource
from paceline.api.modeldeployment import ModelDeployment
from paceline.api.references import SecretKey
from paceline.api.resolved import Resolved
from paceline.api.source import Source

ROOT = "/models"
#: Name of the model among its sources, and of its folder.
BASE = "base"
MODEL = f"{ROOT}/{BASE}"
#: Secrets of the sources, a folder for each; only pods and containers that fetch have them.
SECRETS = "/var/run/secrets/paceline"
#: Claims that hold a model already, where the files are looked up.
CLAIMS = "/claims"


@dataclass(frozen=True, slots=True)
class FetchSetup:
    """What the operator's configuration says of fetching.

    Attributes:
        image: With `paceline fetch` in it.
        env: Pairs for it, such as HF_ENDPOINT of a mirror; never secrets.
        allowed_networks: Private networks that may be fetched from, as CIDRs.
    """

    image: str
    env: tuple[tuple[str, str], ...] = ()
    allowed_networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one revision.

    Attributes:
        pinned: Its sources, each with the commit that it was resolved to.
        request: Digest of what was asked, to know the answer again.
        found: What each source came to, by its name.
        setup: How they are fetched.
    """

    pinned: tuple[Source, ...]
    request: str
    found: Mapping[str, Resolved]
    setup: FetchSetup

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(one.bytes for one in self.found.values())


def pin(md: ModelDeployment, request: str, found: Mapping[str, Resolved], setup: FetchSetup) -> Files:
    """The files of a ModelDeployment, now that its sources are known."""
    pinned = (one.model_copy(update={"commit": found[one.name].commit, "revision": None}) for one in sources(md))
    return Files(tuple(pinned), request, found, setup)


def adapter_source(name: str) -> str:
    """Name of an adapter among the sources."""
    return f"adapter-{name}"


def adapter_path(name: str) -> str:
    """Folder of an adapter."""
    return f"{ROOT}/{adapter_source(name)}"


def weights_file(md: ModelDeployment) -> str:
    """The one file that is served, below `MODEL`; "" where the engine takes the folder."""
    model = md.spec.model
    if model.file:
        return model.file
    return model.location.rstrip("/").rpartition("/")[2] if model.gguf else ""


def secret_of(md: ModelDeployment, name: str) -> SecretKey | None:
    """What the source of that name is asked with.

    An adapter without a Secret of its own gets the model's where both come from the same place, and nowhere else: a
    token is shown to nobody but the one who gave it.
    """
    model = md.spec.model
    adapter = next((one for one in md.spec.adapters if name == adapter_source(one.name)), None)
    if adapter is None or (adapter.secret_ref is None and _place(adapter.uri) == _place(model.uri)):
        return model.secret_ref
    return adapter.secret_ref


def _place(uri: str) -> str:
    """Scheme, and for a web server its host and port."""
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}" if scheme in {"http", "https"} else scheme


def sources(md: ModelDeployment) -> tuple[Source, ...]:
    """Everything that is looked up before there can be a pod; nothing for engines that bring their model along."""
    if not md.spec.model.has_files:
        return ()
    base = _source(md, BASE, md.spec.model, file=md.spec.model.file)
    return (base, *(_source(md, adapter_source(one.name), one) for one in md.spec.adapters))


def claim(uri: str) -> tuple[str, str]:
    """Claim and folder of a pvc:// uri, which may end in a .gguf file; the folder without slashes at its ends."""
    name, _, path = uri.removeprefix("pvc://").partition("/")
    return name, (path.rpartition("/")[0] if path.endswith(".gguf") else path).strip("/")


def _source(md: ModelDeployment, name: str, source: ModelSource | Adapter, file: str | None = None) -> Source:
    mounted = source.uri.startswith("pvc://")
    secret = None if mounted else secret_of(md, name)
    return Source(
        name=name,
        uri=f"file://{CLAIMS}/{name}" if mounted else source.uri,
        revision=(source.revision or "main") if source.uri.startswith("hf://") else None,
        file=file or (weights if mounted and (weights := source.uri.rpartition("/")[2]).endswith(".gguf") else None),
        secret_file=f"{SECRETS}/{name}/{secret.key}" if secret else None,
    )
