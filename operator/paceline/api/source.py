"""What `paceline fetch` is asked for, and what it answers."""

from __future__ import annotations

from pydantic import Field

from paceline.api.base import Model
from paceline.api.digest import short
from paceline.api.resolved import Resolved


class Source(Model):
    """Files to look up and, where a folder is given, to fetch.

    Attributes:
        name: "base" for the model, "adapter-<name>" for an adapter; also the folder below the models' folder.
        uri: As in spec.model.uri.
        revision: Branch, tag or commit of a repository.
        commit: What was resolved before; anything else is refused. None resolves.
        file: The one weights file that is wanted.
        secret_file: Path of a token or of AWS credentials; never the secret itself.
    """

    name: str = Field(min_length=1, max_length=80, pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
    uri: str = Field(min_length=1, max_length=512)
    revision: str | None = Field(None, max_length=256)
    commit: str | None = Field(None, max_length=256)
    # Longer than spec.model.file: the last part of a pvc:// uri may name it too. A secret's key alone may have 253.
    file: str | None = Field(None, max_length=512)
    secret_file: str | None = Field(None, max_length=400)


def folder_of(source: Source, commit: str) -> str:
    """Name of a source's folder on a volume that several revisions and models share."""
    return f"{source.name}-{short([source.uri, commit, source.file])}"


class Failure(Model):
    """Why a fetch came to nothing.

    Attributes:
        reason: Of the condition ModelResolved.
        message: Cause and remedy.
        retry: Whether it may work next time without anybody doing anything.
    """

    reason: str = Field(max_length=64)
    message: str = Field(max_length=1024)
    retry: bool


class Report(Model):
    """The last words of a fetch, at most 4 KiB of JSON: what was found for each source by its name, or the failure."""

    found: dict[str, Resolved] = Field(default_factory=dict)
    failure: Failure | None = None
