"""What a source is at this moment: commit, sizes, parameters, shape, digests of tokenizer and chat template."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from paceline.api.resolved import Resolved, Shape
from paceline.api.source import Source
from paceline.fetch import config, gguf, template, weights
from paceline.fetch.patience import Patience
from paceline.fetch.place import File, Place, commit_of
from paceline.fetch.plan import Needed, plan
from paceline.fetch.reasons import changed, invalid
from paceline.fetch.workers import each

#: Headers are read this many at a time.
_AT_ONCE = 8
#: Most headers are shorter, so that one request reads length and header.
_FIRST_BYTES = 128 * 1024
_MOST_TEMPLATE_BYTES = 1024 * 1024
_MOST_TOKENIZER_BYTES = 128 * 1024 * 1024
#: tokenizer_config.json counts as a whole, although it may hold the chat template too.
_TOKENIZERS = frozenset({
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "vocab.txt", "merges.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "tekken.json",
})  # fmt: skip
_MOST_PARAMETERS = 10**15


@dataclass(frozen=True, slots=True)
class Found:
    """A resolved source and the files that are to be fetched for it."""

    resolved: Resolved
    needed: Needed


class Lookup:
    """Looks one source up.

    Args:
        source: What is asked for.
        place: Where it is.
        patience: How often each request is tried.
        expected: The chat template that the model is expected to have; None does not compare.
    """

    def __init__(self, source: Source, place: Place, patience: Patience, expected: str | None = None) -> None:
        self._source, self._place, self._patience, self._expected = source, place, patience, expected

    def find(self) -> Found:
        """Look it up.

        Raises:
            PacelineError: of a reason in reasons.py; SourceChanged where the source names a commit and has another.
        """
        listing = self._patience.run(self._place.look)
        needed = plan(listing.files, self._source.file, lambda file, most: self._read(file, 0, most))
        needed = Needed(self._described(needed.weights), self._described(needed.beside))
        commit = listing.commit or commit_of(needed.files)
        if self._source.commit and commit != self._source.commit:
            raise changed(f"the files of {self._source.name} are {commit} where {self._source.commit} is wanted")
        known = self._gguf(needed) if needed.gguf else self._transformers(needed)
        return Found(
            known.model_copy(
                update={
                    "commit": commit,
                    "bytes": sum(file.size for file in needed.files),
                    "weight_bytes": sum(file.size for file in needed.weights),
                }
            ),
            needed,
        )

    def _described(self, files: Sequence[File]) -> tuple[File, ...]:
        def one(file: File) -> File:
            return self._patience.run(lambda: self._place.describe(file))

        return tuple(each(one, files, _AT_ONCE, self._patience.stop))

    def _gguf(self, needed: Needed) -> Resolved:
        heads = each(self._head, needed.weights, _AT_ONCE, self._patience.stop)
        first = heads[0]
        parameters = sum(head.parameters for head in heads)
        if parameters > _MOST_PARAMETERS:
            raise invalid(f"{needed.weights[0].name[:100]!r} would have {parameters:.0e} parameters. Use another file.")
        return self._resolved(
            parameters or None,
            first.dtype,
            gguf.shape(first.values),
            f"sha256:{first.tokenizer}" if first.tokenizer else None,
            first.chat_template,
        )

    def _transformers(self, needed: Needed) -> Resolved:
        total = weights.together(each(self._header, needed.weights, _AT_ONCE, self._patience.stop))
        beside = {file.name: file for file in needed.beside}
        found = beside.get("config.json")
        settings = config.parse(self._read(found, 0, config.MOST_BYTES + 1), "config.json") if found else {}
        parameters = None if config.packed(settings, total.dtype) else total.parameters
        return self._resolved(
            parameters,
            total.dtype,
            config.shape(settings),
            self._tokenizer(file for file in needed.beside if file.name in _TOKENIZERS or _tiktoken(file)),
            self._template(beside),
        )

    def _resolved(
        self, parameters: int | None, dtype: str, shape: Shape | None, tokenizer: str | None, found: str | None
    ) -> Resolved:
        digest = f"sha256:{_sha256(found.encode('utf-8', 'surrogatepass'))}" if found is not None else None
        differs = template.difference(self._expected, found) if self._expected is not None else None
        return Resolved(
            commit="-",
            bytes=0,
            weight_bytes=0,
            parameters=parameters,
            dtype=dtype,
            shape=shape,
            tokenizer_digest=tokenizer,
            chat_template_digest=digest,
            chat_template_difference=differs,
        )

    def _head(self, file: File) -> gguf.Head:
        return gguf.read_head(file.name, file.size, lambda start, length: self._read(file, start, length))

    def _header(self, file: File) -> weights.Weights:
        start = self._read(file, 0, _FIRST_BYTES)
        length = weights.header_length(start, file.name)
        end = weights.LENGTH_BYTES + length
        if end > file.size:
            raise invalid(f"{file.name[:100]!r} ends within its header. Upload it again, or use another revision.")
        text = start[weights.LENGTH_BYTES : end]
        if len(text) < length:
            text += self._read(file, weights.LENGTH_BYTES + len(text), length - len(text))
        found = weights.read_header(text, file.name)
        if end + found.bytes > file.size:
            raise invalid(f"{file.name[:100]!r} is shorter than its header says. Upload it again.")
        return found

    def _tokenizer(self, files: Iterable[File]) -> str | None:
        """SHA-256 over "digest  name" lines of the tokenizer's files: the same wherever the files are kept."""
        lines = []
        for file in sorted(files, key=lambda each: each.name):
            known = file.digest is not None and file.digest.algorithm == "sha256"
            digest = file.digest.hex if known and file.digest else _sha256(self._whole(file, _MOST_TOKENIZER_BYTES))
            lines.append(f"{digest}  {file.name}\n")
        return f"sha256:{_sha256(''.join(lines).encode())}" if lines else None

    def _template(self, beside: dict[str, File]) -> str | None:
        for name in template.FILES:
            if name not in beside:
                continue
            if name.endswith(".json"):
                text = self._read(beside[name], 0, config.MOST_BYTES + 1)
                found = template.from_json(config.parse(text, name))
            else:
                found = self._whole(beside[name], _MOST_TEMPLATE_BYTES).decode("utf-8", "replace")
            if found is not None:
                return found
        return None

    def _whole(self, file: File, most: int) -> bytes:
        if file.size > most:
            raise invalid(f"{file.name[:100]!r} has {file.size} bytes, more than {most}. Use another source.")
        return self._read(file, 0, file.size)

    def _read(self, file: File, start: int, length: int) -> bytes:
        length = min(length, file.size - start)
        return self._patience.run(lambda: self._place.read(file, start, length))


def _tiktoken(file: File) -> bool:
    return file.name.endswith(".tiktoken")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
