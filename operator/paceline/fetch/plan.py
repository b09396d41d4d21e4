"""Which files of a source an engine needs: configuration, tokenizer and weights in a format that runs no code."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from paceline.errors import Stalled
from paceline.fetch.names import safe
from paceline.fetch.place import File
from paceline.fetch.reasons import NOT_FOUND, invalid

INDEX = "model.safetensors.index.json"
#: Far above the largest models (DeepSeek-V3 has 163 files of weights).
MOST_NEEDED = 2000
_MOST_INDEX_BYTES = 32 * 1024 * 1024
#: Weights that are Python pickles: loading one runs whatever code it holds.
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib")
#: Everything else that engines read beside weights. Python code of a repository is never fetched.
_BESIDE = (".json", ".jinja", ".txt", ".model", ".tiktoken")
#: Ends of all names that may be fetched.
KINDS = (*_BESIDE, ".safetensors", ".gguf")
#: Parts of sentence-transformers, such as 1_Pooling/config.json.
_MODULE = re.compile(r"[0-9]{1,2}_[A-Za-z]{1,40}/[^/]+")
_SPLIT = re.compile(r"(.+)-[0-9]{5}-of-([0-9]{5})\.gguf")
#: A configuration is small; a dataset that somebody left beside it is not.
_MOST_BESIDE_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Needed:
    """What is fetched.

    Attributes:
        weights: Files of weights, all .safetensors or all .gguf.
        beside: Configuration, tokenizer, templates.
    """

    weights: tuple[File, ...]
    beside: tuple[File, ...]

    @property
    def files(self) -> tuple[File, ...]:
        """All of them, small ones first: what is wrong with them shows before the weights are waited for."""
        return (*self.beside, *self.weights)

    @property
    def gguf(self) -> bool:
        """Whether the weights are in the format of llama.cpp."""
        return self.weights[0].name.endswith(".gguf")


def plan(files: Mapping[str, File], wanted: str | None, read: Callable[[File, int], bytes]) -> Needed:
    """Choose files.

    Args:
        files: What the source has, by name.
        wanted: The one file of weights to use; None chooses.
        read: Gives the beginning of a file, for the index of weights.

    Raises:
        Stalled: reason SourceInvalid, SourceNotFound or SourceRefused.
    """
    names = _chosen(files, wanted) if wanted else _weights(files, read)
    weights = tuple(files[name] for name in sorted(names))
    beside = () if weights[0].name.endswith(".gguf") else tuple(_beside(files))
    needed = Needed(weights, beside)
    if len(needed.files) > MOST_NEEDED:
        raise invalid(f"the model has more than {MOST_NEEDED} files. Point uri at the folder of one model.")
    for file in needed.files:
        safe(file.name)
    return needed


def _chosen(files: Mapping[str, File], wanted: str) -> list[str]:
    if wanted not in files:
        raise Stalled(NOT_FOUND, f"the source has no file {wanted[:100]!r}. Correct model.file{_offer(files)}.")
    if not wanted.endswith((".safetensors", ".gguf")):
        raise invalid(f"{wanted[:100]!r} is neither .safetensors nor .gguf, and other formats may run code. {_CONVERT}")
    return _parts(files, wanted)


def _weights(files: Mapping[str, File], read: Callable[[File, int], bytes]) -> list[str]:
    root = [name for name in files if "/" not in name]
    tensors = [name for name in root if name.endswith(".safetensors")]
    modules = [name for name in files if _MODULE.fullmatch(name) and name.endswith(".safetensors")]
    if INDEX in files:
        return _indexed(files, read) + modules
    if tensors:
        # A repository may hold the same weights twice, the second time as consolidated.safetensors.
        return ([name for name in tensors if name.startswith("model")] or tensors) + modules
    quantised = [name for name in root if name.endswith(".gguf")]
    if quantised:
        first = _parts(files, min(quantised))
        if set(first) != set(quantised):
            raise invalid(f"the source holds several .gguf models. Name one with model.file{_offer(files)}.")
        return first
    if any(name.endswith(_PICKLES) for name in files):
        raise invalid(
            "the weights are Python pickles, and loading one runs the code in it, so they are never fetched. "
            + _CONVERT
        )
    raise invalid("the source has neither .safetensors nor .gguf files. Correct uri or revision.")


_CONVERT = "Use a source or revision with safetensors, or convert the weights."


def _indexed(files: Mapping[str, File], read: Callable[[File, int], bytes]) -> list[str]:
    if files[INDEX].size > _MOST_INDEX_BYTES:
        raise invalid(f"{INDEX} has {files[INDEX].size} bytes. Use another source.")
    shards = index_shards(read(files[INDEX], _MOST_INDEX_BYTES))
    missing = sorted(set(shards) - set(files))
    if missing:
        raise invalid(f"{INDEX} names {missing[0][:100]!r}, which the source does not have. Upload it again.")
    return shards


def index_shards(text: bytes) -> list[str]:
    """Names of the files that an index of weights speaks of.

    Raises:
        Stalled: reason SourceInvalid, or SourceRefused for a name that leads elsewhere.
    """
    try:
        shards = sorted(set(json.loads(text)["weight_map"].values()))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise invalid(f"{INDEX} cannot be read ({type(error).__name__}). Use another revision or source.") from error
    if not shards or len(shards) > MOST_NEEDED:
        raise invalid(f"{INDEX} names {len(shards)} files. Use another revision or source.")
    for name in shards:
        if not isinstance(name, str) or not name.endswith(".safetensors"):
            raise invalid(f"{INDEX} names {str(name)[:100]!r}, which is no .safetensors file. Use another source.")
        safe(name)
    return shards


def parts(wanted: str) -> list[str]:
    """Names of all parts where the file is one of a split .gguf model; otherwise its own."""
    split = _SPLIT.fullmatch(wanted)
    if split is None:
        return [wanted]
    stem, count = split.groups()
    return [f"{stem}-{number:05d}-of-{count}.gguf" for number in range(1, min(int(count), MOST_NEEDED) + 1)]


def _parts(files: Mapping[str, File], wanted: str) -> list[str]:
    names = parts(wanted)
    missing = [name for name in names if name not in files]
    if missing:
        raise invalid(f"the source lacks {missing[0][:100]!r} of {len(names)} parts. Upload it again.")
    return names


def _beside(files: Mapping[str, File]) -> list[File]:
    found = []
    for name, file in sorted(files.items()):
        wanted = name.endswith(_BESIDE) and ("/" not in name or _MODULE.fullmatch(name))
        if wanted and file.size <= _MOST_BESIDE_BYTES:
            found.append(file)
    return found


def _offer(files: Mapping[str, File]) -> str:
    """Some names to choose from."""
    names = sorted(name for name in files if name.endswith((".gguf", ".safetensors")))[:5]
    return f"; there are {', '.join(name[:80] for name in names)}" if names else ""
