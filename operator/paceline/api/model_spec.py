"""spec.model and spec.adapters: what is served, where its files come from, and where they are kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from paceline.api.base import LABEL_PATTERN, Model, cel, member, only, rules
from paceline.api.references import OBJECT_PATTERN, ConfigMapKey, SecretKey

Task = Literal["Generate", "Embed", "Score"]
CacheType = Literal["PerPod", "SharedVolume"]

_PART = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
_PATH = r"(/[A-Za-z0-9._~%@+=-]+)*/?"
#: Sources whose files are fetched or mounted; the others (sim, image) have none.
FILES_PATTERN = (
    rf"hf://{_PART}/{_PART}|s3://[a-z0-9]([a-z0-9.-]*[a-z0-9])?{_PATH}"
    rf"|https?://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{{1,5}})?{_PATH}|pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?{_PATH}"
)
URI_PATTERN = (
    rf"^({FILES_PATTERN}|sim://[a-z0-9]([a-z0-9._-]*[a-z0-9])?|image://[A-Za-z0-9]([A-Za-z0-9._:/@-]*[A-Za-z0-9])?)$"
)
SERVED_NAME_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9._:/-]*[A-Za-z0-9])?$"
FILE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._@+=-]*(/[A-Za-z0-9][A-Za-z0-9._@+=-]*)*$"

_FILES = "self.uri.matches('^(hf|s3|https?|pvc)://')"
_FETCHED = "self.uri.matches('^(hf|s3|https?)://')"
_STRAIGHT = cel(
    "!self.matches('/[.][.]?(/|$)')",
    message="may not contain . or .. as a part of its path; write the path that they lead to",
)

Uri = Annotated[str, Field(min_length=1, max_length=512)]
Revision = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$")]


class SharedVolume(Model):
    """sharedVolume is a claim that all pods mount."""

    claim_name: str = Field(
        min_length=1,
        max_length=253,
        pattern=OBJECT_PATTERN,
        description="claimName is a PersistentVolumeClaim in the same namespace, of access mode ReadWriteMany unless "
        "all pods run on one node. Weights and compile caches are kept there below paceline/.",
    )


class Cache(Model):
    """cache says where fetched files are kept."""

    model_config = ConfigDict(json_schema_extra=rules(member("sharedVolume", "SharedVolume", of="cache")))

    type: CacheType = Field(
        "PerPod",
        description="type is PerPod (each pod fetches its own copy onto its node's disk) or SharedVolume (one copy on "
        "a volume, fetched once, with the engine's compile cache beside it). Default: PerPod.",
    )
    shared_volume: SharedVolume | None = Field(None, description="sharedVolume is the claim of type SharedVolume.")


class ModelSource(Model):
    """model says which model is served and under which name."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            only(
                "revision",
                "self.uri.startsWith('hf://')",
                "may not be set: only an hf:// repository has revisions; remove model.revision",
            ),
            only(
                "secretRef",
                _FETCHED,
                "may not be set: nothing is fetched for this model.uri; remove model.secretRef",
            ),
            only(
                "secretRef",
                "!self.uri.startsWith('http://')",
                "may not be set: a secret is not sent over plain http, where others could read it; use https://",
            ),
            only(
                "cache",
                _FETCHED,
                "may not be set: nothing is fetched for this model.uri; remove model.cache",
            ),
            only(
                "file",
                _FILES,
                "may not be set: this model.uri has no files to choose from; remove model.file",
            ),
            only(
                "chatTemplateRef",
                _FILES,
                "may not be set: this model.uri has no tokenizer to compare with; remove model.chatTemplateRef",
            ),
        )
    )

    uri: Annotated[
        Uri,
        Field(
            description="uri is where the model comes from: hf://<organisation>/<name> (Hugging Face Hub), "
            "s3://<bucket>/<folder>, https://<host>/<folder or .gguf file>, pvc://<claim>/<folder> (a volume that has "
            "it), image://<image reference> (an engine image that holds its own weights), sim://<calibration> (the "
            "engine simulator: llama-3-8b-h100, llama-3.1-8b-a100-tp2, llama-3.1-8b-a100-tp4).",
            json_schema_extra=rules(
                cel(
                    f"self.matches('{URI_PATTERN}')",
                    message="must be hf://<organisation>/<name>, s3://<bucket>/<folder>, https://<host>/<path>, "
                    "pvc://<claim>/<folder>, image://<image reference> or sim://<calibration>; oci and gs come in a "
                    "later release",
                ),
                _STRAIGHT,
            ),
        ),
    ]
    revision: Revision | None = Field(
        None,
        description="revision is the branch, tag or commit of an hf:// repository. It is looked up once, when a "
        "revision of the ModelDeployment is made; all of its pods then serve that commit. Default: main.",
    )
    file: str | None = Field(
        None,
        min_length=1,
        max_length=253,
        pattern=FILE_PATTERN,
        description="file is the one weights file to serve from a source that holds several, such as a .gguf of one "
        "quantisation. With a .gguf file the engine is LlamaCpp. Default: all files that the engine needs.",
    )
    task: Task = Field(
        "Generate",
        description="task says what the model does and so what its test request is: Generate (chat and completions), "
        "Embed (embeddings) or Score (how well a text answers a query). Default: Generate.",
    )
    served_name: str | None = Field(
        None,
        min_length=1,
        max_length=128,
        pattern=SERVED_NAME_PATTERN,
        description='servedName is the name that clients put into "model". Default: the name of the ModelDeployment.',
    )
    secret_ref: SecretKey | None = Field(
        None,
        description="secretRef is what the source asks for: a token (hf, https) or an AWS credentials file (s3). It is "
        "mounted as a file into the pods that fetch, and nowhere else.",
    )
    parameter_count: str | None = Field(
        None,
        max_length=20,
        pattern=r"^[0-9]{1,12}(\.[0-9]{1,3})?[KMBT]?$",
        description='parameterCount is the number of the model\'s parameters, such as "7600M" or "7.6B". It is needed '
        "only where the files do not say; condition Fits then counts two bytes for each.",
    )
    cache: Cache | None = Field(None, description="cache says where fetched files are kept. Default: type PerPod.")
    chat_template_ref: ConfigMapKey | None = Field(
        None,
        description="chatTemplateRef is the chat template that you expect. It is compared with the one of the model's "
        "tokenizer; condition ModelResolved says how they differ.",
    )

    @property
    def scheme(self) -> str:
        """The part of the uri before ://."""
        return self.uri.partition("://")[0]

    @property
    def location(self) -> str:
        """The part of the uri after ://."""
        return self.uri.partition("://")[2]

    @property
    def has_files(self) -> bool:
        """Whether the model is files that are fetched or mounted."""
        return self.scheme in {"hf", "s3", "http", "https", "pvc"}

    @property
    def gguf(self) -> bool:
        """Whether it is one file in the format of llama.cpp."""
        return (self.file or self.uri).endswith(".gguf")


class Adapter(Model):
    """A LoRA module that is loaded beside the model."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            only(
                "revision",
                "self.uri.startsWith('hf://')",
                "may not be set: only an hf:// repository has revisions; remove revision",
            ),
            only(
                "secretRef",
                f"({_FETCHED} && !self.uri.startsWith('http://'))",
                "may not be set: nothing is fetched for this uri, or over plain http, where others could read "
                "a secret; remove secretRef or use https://",
            ),
        )
    )

    name: str = Field(
        min_length=1,
        max_length=48,
        pattern=LABEL_PATTERN,
        description='name is what clients put into "model" to be answered with this adapter.',
    )
    uri: Annotated[
        Uri,
        Field(
            description="uri is where the adapter comes from: hf, s3, https or pvc, as in model.uri.",
            json_schema_extra=rules(
                cel(
                    f"self.matches('^({FILES_PATTERN})$')",
                    message="must be hf://<organisation>/<name>, s3://<bucket>/<folder>, https://<host>/<folder> or "
                    "pvc://<claim>/<folder>",
                ),
                _STRAIGHT,
            ),
        ),
    ]
    revision: Revision | None = Field(
        None, description="revision is the branch, tag or commit of an hf:// repository. Default: main."
    )
    secret_ref: SecretKey | None = Field(
        None,
        description="secretRef is what the source asks for, as in model.secretRef. Default: model.secretRef, where "
        "the adapter comes from the same place as the model.",
    )
