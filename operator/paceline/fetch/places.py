"""Which place a source's address means."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable

from paceline.api.source import Source
from paceline.fetch import secret
from paceline.fetch.bucket import Bucket
from paceline.fetch.folder import Folder
from paceline.fetch.hub import SETTINGS, Hub
from paceline.fetch.place import Place
from paceline.fetch.reasons import invalid
from paceline.fetch.site import Site

_MODULES = {"hf": ("huggingface_hub.hf_api", "httpx2", "paceline.fetch.hubclient"), "s3": ("s3fs",)}


def prepare(sources: Iterable[Source]) -> None:
    """Import what these sources need, before the guard stands: some modules start ldconfig when they are imported.

    Raises:
        Stalled: reason SourceInvalid, where the extra `fetch` is not installed.
    """
    os.environ.update(SETTINGS)
    for scheme in sorted({source.uri.partition("://")[0] for source in sources}):
        for module in _MODULES.get(scheme, ()):
            try:
                importlib.import_module(module)
            except ImportError as error:
                raise invalid(
                    f"{scheme}:// needs {module}, which is not here: pip install 'paceline[fetch]'."
                ) from error


def normal(source: Source) -> Source:
    """A source whose address is a folder: of https://host/folder/x.gguf the folder, with x.gguf as its file."""
    folder, _, name = source.uri.rpartition("/")
    if source.uri.startswith("hf://") or not name.endswith(".gguf"):
        return source
    return source.model_copy(update={"uri": folder, "file": name})


def place(source: Source, redact: secret.Redactor) -> Place:
    """The place of a source, with its secret.

    Raises:
        Stalled: reason SourceInvalid for other schemes, SourceUnauthorized where the secret cannot be used.
    """
    scheme = source.uri.partition("://")[0]
    source = normal(source)
    if "/../" in f"{source.uri}/" or "@" in source.uri.partition("://")[2].partition("/")[0]:
        raise invalid("uri may hold neither .. nor a user. Write the path that it leads to, and use secretRef.")
    if scheme == "hf":
        return Hub(source, secret.token(source.secret_file, redact))
    if scheme == "http" and source.secret_file:
        raise invalid("a secret is not sent over plain http, where others could read it. Use https.")
    if scheme in {"http", "https"}:
        return Site(source, secret.token(source.secret_file, redact))
    if scheme == "s3":
        return Bucket(source, secret.keys(source.secret_file, redact))
    if scheme == "file":
        return Folder(source)
    raise invalid(
        f"nothing can be fetched from {scheme[:20]}://. Use hf, s3, http, https, or file for a mounted volume."
    )
