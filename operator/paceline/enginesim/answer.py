"""One answer that grows token by token: the sequence in the engine, its words, and where they go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from paceline.enginesim.language import LanguageModel
from paceline.enginesim.tokenizer import BOS, EOS, Tokenizer
from paceline.sim.sequence import Sequence


class Source(Protocol):
    """Where the tokens of an answer come from."""

    #: Every token is whole characters.
    whole: bool

    def next(self) -> int:
        """Return the next token; EOS at the end."""


class Talk:
    """Words of the language model."""

    whole = True

    def __init__(
        self,
        language: LanguageModel,
        rng: Random,
        context: tuple[int, int] = (BOS, BOS),
        *,
        temperature: float = 1.0,
        shortest: int = 0,
    ) -> None:
        self._language = language
        self._rng = rng
        self._before = context
        self._temperature = temperature
        self._shortest = shortest

    def next(self) -> int:
        """Return the next word; a new paragraph begins where the answer is not allowed to end yet."""
        self._shortest -= 1
        a, b = self._before
        token = self._language.draw(a, b, self._rng, self._temperature)
        if token == EOS and self._shortest >= 0:
            token = self._paragraph()
            self._before = (BOS, token)
        else:
            self._before = (b, token)
        return token

    def _paragraph(self) -> int:
        """Return the first word of a paragraph; the likeliest where the draw wants to end again and again."""
        for _ in range(8):
            token = self._language.draw(BOS, BOS, self._rng, 1.0)
            if token != EOS:
                return token
        return self._language.draw(BOS, BOS, self._rng, 0.0)


class Script:
    """A text that is decided beforehand, such as JSON."""

    def __init__(self, ids: list[int], tokenizer: Tokenizer) -> None:
        self._ids: Iterator[int] = iter(ids)
        self.whole = all(tokenizer.is_text(token) for token in ids)

    def next(self) -> int:
        """Return the next token of the text."""
        return next(self._ids, EOS)


class Sink(Protocol):
    """Where an answer goes."""

    #: Takes bare tokens; False: wants their text (see ``text``).
    bare: bool

    def token(self, answer: Answer, token: int) -> None:
        """Take one whole-character token."""

    def text(self, answer: Answer, text: str, token: int) -> None:
        """Take the text that one more token made ready, possibly none."""

    def finish(self, answer: Answer, text: str) -> None:
        """Take the last text; ``answer.reason`` says why it ended."""


@dataclass(slots=True)
class Style:
    """How answers of one request are made.

    Attributes:
        stop: Texts before which an answer ends.
        shortest: Tokens before which EOS does not end an answer (min_tokens; all of them with ignore_eos).
        temperature: Of the language model; 0 takes the likeliest word.
    """

    stop: list[str] = field(default_factory=list)
    shortest: int = 0
    temperature: float = 1.0


class Answer(Sequence):
    """A sequence whose tokens have words.

    Attributes:
        index: Place among the choices of its request.
        ids: Tokens so far, EOS included.
        reason: "stop", "length", "tool_calls" or "abort"; empty while it runs.
        began: Real arrival (the loop's clock, seconds).
        received: When its request had been read to the end; the engine sees it from then on.
        first: Real time of the first token; 0 before.
        last: Real time of the last token so far.
        silent: Counts no generated tokens (embeddings compute a prompt only).
    """

    __slots__ = (
        "_decoder",
        "_held",
        "_plain",
        "_sink",
        "_source",
        "_stop",
        "_tokenizer",
        "began",
        "cut_after",
        "first",
        "ids",
        "index",
        "last",
        "reason",
        "received",
        "silent",
    )

    def __init__(
        self,
        id: str,
        *,
        index: int,
        prompt: int,
        longest: int,
        prefix: tuple[int, ...],
        source: Source,
        sink: Sink,
        tokenizer: Tokenizer,
        stop: list[str],
        began: float,
    ) -> None:
        super().__init__(id, prompt_tokens=prompt, output_tokens=longest, prefix=prefix)
        self.index = index
        self.ids: list[int] = []
        self.reason = ""
        self.began = self.received = began
        self.first = 0.0
        self.last = 0.0
        self.silent = False
        self.cut_after = 0
        self._source = source
        self._sink = sink
        self._tokenizer = tokenizer
        self._stop = stop
        self._held = ""
        self._decoder = b""
        self._plain = sink.bare and source.whole and not stop

    def deliver(self, now: float) -> bool:
        """Make the next token and hand it on at ``now`` (real); return True at the end of the answer."""
        if not self.first:
            self.first = now
        self.last = now
        token = self._source.next()
        self.ids.append(token)
        if token == EOS:
            return self._end("stop")
        if self._plain:
            self._sink.token(self, token)
        else:
            text, stopped = self._cut(self._decode(token))
            if stopped:
                self.reason = "stop"
                self._sink.finish(self, text)
                return True
            self._sink.text(self, text, token)
        return self.finished and self._end("length")

    def give_up(self) -> None:
        """End without a last word: the client is gone."""
        self.reason = self.reason or "abort"

    def _end(self, reason: str) -> bool:
        self.reason = reason
        rest = self._held + self._decoder.decode("utf-8", errors="replace")
        self._held = ""
        self._sink.finish(self, rest)
        return True

    def _decode(self, token: int) -> str:
        """Return what can be shown after one more token; parts of characters wait for the rest."""
        self._decoder += self._tokenizer.bytes_of(token)
        try:
            text = self._decoder.decode("utf-8")
        except UnicodeDecodeError as error:
            text = self._decoder[: error.start].decode("utf-8")
            self._decoder = self._decoder[error.start :]
            if len(self._decoder) < 4:
                return text
            text += self._decoder.decode("utf-8", errors="replace")
        self._decoder = b""
        return text

    def _cut(self, text: str) -> tuple[str, bool]:
        """Return what may be shown, and whether a stop text came; a beginning of a stop text is held back."""
        if not self._stop:
            return text, False
        text = self._held + text
        found = [place for place in (text.find(stop) for stop in self._stop) if place >= 0]
        if found:
            self._held = ""
            return text[: min(found)], True
        hold = 0
        for stop in self._stop:
            for length in range(min(len(stop) - 1, len(text)), hold, -1):
                if text.endswith(stop[:length]):
                    hold = length
                    break
        self._held = text[len(text) - hold :]
        return text[: len(text) - hold], False
