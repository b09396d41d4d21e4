"""http(s)://host/folder laid out as on the Hub, or one .gguf file; plain HTTP has no listing, so names are tried."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

from paceline.api.source import Source
from paceline.errors import Stalled
from paceline.fetch.names import safe
from paceline.fetch.place import Digest, File, Listing, listing
from paceline.fetch.plan import INDEX, KINDS, MOST_NEEDED, index_shards, parts
from paceline.fetch.reasons import NOT_FOUND, invalid
from paceline.fetch.web import Web, host

SUMS = "SHA256SUMS"
_MOST_SUMS_BYTES = 2 * 1024 * 1024
_MOST_INDEX_BYTES = 32 * 1024 * 1024
#: What models have beside weights; SHA256SUMS may name more.
KNOWN = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "vocab.json", "merges.txt", "vocab.txt", "tokenizer.model", "spiece.model",
    "sentencepiece.bpe.model", "tekken.json", "chat_template.jinja", "chat_template.json", "preprocessor_config.json",
    "processor_config.json", "modules.json", "sentence_bert_config.json", "config_sentence_transformers.json",
    "1_Pooling/config.json", "adapter_config.json", "params.json", "quantize_config.json", "hf_quant_config.json",
)  # fmt: skip
_WEIGHTS = (INDEX, "model.safetensors", "adapter_model.safetensors")
#: sha256sum's lines: digest, space, space or asterisk, name.
_SUM = re.compile(r"([0-9a-fA-F]{64}) [ *](?:\./)?(.+)")


class Site:
    """One folder of a web server."""

    remote = True

    def __init__(self, source: Source, token: str | None) -> None:
        self._web = Web(token, secure=source.uri.startswith("https://"))
        self._base = source.uri.rstrip("/")
        self._wanted = source.file
        self._alone = bool(source.file and source.file.endswith(".gguf"))
        self._sums: dict[str, str] = {}

    def close(self) -> None:
        """Let go of connections."""
        self._web.close()

    def look(self) -> Listing:
        """Try the names that a model may have, and those that its SHA256SUMS lists."""
        self._sums = self._read_sums()
        found: dict[str, File] = {}
        for name in self._names():
            file = self._try(name)
            if file is not None:
                found[name] = file
        if INDEX in found and not self._alone:
            for name in index_shards(self._web.read(self._url(INDEX), 0, _MOST_INDEX_BYTES)):
                file = found.get(name) or self._try(name)
                if file is not None:
                    found[name] = file
        if not found:
            where = host(self._base)
            raise Stalled(NOT_FOUND, f"{where} has no file of a model below this address. Correct uri or model.file.")
        return listing(found.values())

    def describe(self, file: File) -> File:
        """The same with the digest that SHA256SUMS has for it."""
        known = self._sums.get(file.name)
        return replace(file, digest=Digest("sha256", known)) if known else file

    def read(self, file: File, start: int, length: int) -> bytes:
        """A range of a file."""
        return self._web.read(self._url(file.name), start, length, file.version)

    def stream(self, file: File, start: int) -> Iterator[bytes]:
        """A file to its end."""
        return self._web.stream(self._url(file.name), start, file.version)

    def _names(self) -> list[str]:
        if self._alone and self._wanted:
            return parts(self._wanted)
        chosen = (self._wanted,) if self._wanted else _WEIGHTS
        return list(dict.fromkeys([*KNOWN, *chosen, *self._sums]))

    def _try(self, name: str) -> File | None:
        head = self._web.head(self._url(name))
        # Many servers answer every name with a page of their own.
        if head is None or head.media == "text/html":
            return None
        if head.size is None:
            raise invalid(f"{host(self._base)} does not say how large {name[:100]!r} is. Serve it with Content-Length.")
        return File(name, head.size, head.version or self._sums.get(name, ""))

    def _read_sums(self) -> dict[str, str]:
        head = self._web.head(self._url(SUMS))
        if head is None or head.media == "text/html":
            return {}
        text = self._web.read(self._url(SUMS), 0, _MOST_SUMS_BYTES).decode("utf-8", "replace")
        lines = (_SUM.fullmatch(line.rstrip("\r")) for line in text.split("\n"))
        sums = {str(safe(line[2])): line[1].lower() for line in lines if line and line[2].endswith(KINDS)}
        if len(sums) > MOST_NEEDED:
            raise invalid(f"{SUMS} names more than {MOST_NEEDED} files. Point uri at the folder of one model.")
        return sums

    def _url(self, name: str) -> str:
        return f"{self._base}/{quote(name)}"
