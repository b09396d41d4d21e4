"""A small reversible tokenizer: words and pieces of the bundled text, and bytes for all else."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources

EOS, BOS, SYSTEM, USER, ASSISTANT, TOOL, END_OF_TURN, IMAGE = range(256, 264)
ROLES = {
    "system": SYSTEM,
    "developer": SYSTEM,
    "user": USER,
    "assistant": ASSISTANT,
    "tool": TOOL,
    "function": TOOL,
}
FIRST_PIECE = 264
_LONGEST_PIECE = 12
_WORDS = re.compile(r" ?[^\W\d_]+| ?\d{1,3}| ?(?:[^\w\s]|_)+|\s+(?!\S)|\s")


@cache
def corpus() -> str:
    """Return the text that the tokenizer and the language model are made from."""
    return (resources.files("paceline.enginesim") / "corpus.txt").read_text(encoding="utf-8")


def _pieces(text: str) -> list[str]:
    """Choose the vocabulary: every word of the text, common parts of words, and JSON's punctuation."""
    words = Counter(_WORDS.findall(text))
    parts: Counter[str] = Counter()
    for word, count in words.items():
        for length in (2, 3, 4):
            for start in range(len(word) - length + 1):
                parts[word[start : start + length]] += count
    chosen = dict.fromkeys(sorted(words, key=lambda word: (-words[word], word)))
    chosen.update(dict.fromkeys(sorted(part for part, count in parts.items() if count >= 8)))
    chosen.update(dict.fromkeys(['{"', '":', '",', ', "', '"}', "[", "]", "\n\n", " {", " [", ": "]))
    return [piece for piece in chosen if len(piece) > 1]


class Tokenizer:
    """Text to token ids and back; ``decode(encode(text)) == text`` for every valid text.

    Attributes:
        size: Number of token ids.
    """

    def __init__(self, text: str) -> None:
        pieces = _pieces(text)
        self._texts: dict[int, str] = {FIRST_PIECE + index: piece for index, piece in enumerate(pieces)}
        self._ids = {piece: token for token, piece in self._texts.items()}
        self._words: dict[str, tuple[int, ...]] = {}
        self.size = FIRST_PIECE + len(pieces)
        self._json = [self._escape(token) for token in range(self.size)]

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text."""
        ids: list[int] = []
        words = self._words
        for word in _WORDS.findall(text):
            known = words.get(word)
            if known is None:
                known = self._split(word)
                if len(words) < 100_000:
                    words[word] = known
            ids.extend(known)
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of token ids; control tokens have none, broken UTF-8 shows as U+FFFD."""
        return b"".join(map(self.bytes_of, ids)).decode("utf-8", errors="replace")

    def bytes_of(self, token: int) -> bytes:
        """Return the UTF-8 bytes of one token, which may be a part of a character."""
        if token < EOS:
            return bytes((token,))
        return self._texts.get(token, "").encode()

    def is_text(self, token: int) -> bool:
        """Say whether a token is whole characters, so that it can be shown before the next one comes."""
        return token < 128 or token >= EOS

    def json_of(self, token: int) -> bytes:
        """Return a whole-character token as a JSON string, quotes included."""
        return self._json[token]

    def _escape(self, token: int) -> bytes:
        return json.dumps(self.decode((token,))).encode()

    def _split(self, word: str) -> tuple[int, ...]:
        token = self._ids.get(word)
        if token is not None:
            return (token,)
        ids: list[int] = []
        start = 0
        while start < len(word):
            for end in range(min(len(word), start + _LONGEST_PIECE), start + 1, -1):
                token = self._ids.get(word[start:end])
                if token is not None:
                    ids.append(token)
                    start = end
                    break
            else:
                ids.extend(word[start].encode("utf-8", errors="replace"))
                start += 1
        return tuple(ids)


def valid_ids(ids: Sequence[int], size: int) -> bool:
    """Say whether all ids are tokens of a vocabulary of ``size``."""
    return all(0 <= token < size for token in ids)
