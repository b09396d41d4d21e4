"""Where answers go: into one document, or into a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from paceline.enginesim.answer import Answer
from paceline.enginesim.dialect import Dialect, frame, usage
from paceline.enginesim.sse import EventStream, event
from paceline.enginesim.tokenizer import Tokenizer

#: Returns the log probabilities of one more token of an answer, in the endpoint's form.
Score = Callable[[Answer, int], Any]


class Outlet:
    """Counts the answers of one request that are still on the way."""

    def __init__(self, answers: int) -> None:
        self._left = answers
        self._done = asyncio.get_running_loop().create_future()

    async def wait(self) -> None:
        """Wait until all answers are there."""
        await self._done

    def _one_less(self) -> None:
        self._left -= 1
        if self._left == 0 and not self._done.done():
            self._done.set_result(None)


class Collector(Outlet):
    """Keeps the texts of all answers until the last one is there."""

    bare = True

    def __init__(self, answers: int, tokenizer: Tokenizer) -> None:
        super().__init__(answers)
        self._tokenizer = tokenizer
        self._texts: dict[int, list[str]] = {}

    def token(self, answer: Answer, token: int) -> None:
        """Keep a token's text."""
        self.text(answer, self._tokenizer.decode((token,)), token)

    def text(self, answer: Answer, text: str, token: int) -> None:
        """Keep a text."""
        self._texts.setdefault(answer.index, []).append(text)

    def finish(self, answer: Answer, text: str) -> None:
        """Keep the last text."""
        self.text(answer, text, 0)
        self._one_less()

    def of(self, answer: Answer) -> str:
        """Return the whole text of an answer."""
        return "".join(self._texts[answer.index])


class Stream(Outlet):
    """Sends each token as an event at once."""

    def __init__(
        self,
        answers: int,
        events: EventStream,
        dialect: Dialect,
        tokenizer: Tokenizer,
        *,
        score: Score | None = None,
        usage_always: bool = False,
        reasons: dict[str, str] | None = None,
    ) -> None:
        super().__init__(answers)
        self.bare = score is None and not usage_always
        self._events = events
        self._dialect = dialect
        self._tokenizer = tokenizer
        self._score = score
        self._usage_always = usage_always
        self._reasons = reasons or {}
        self._frames = [frame(dialect, index) for index in range(answers)]
        self._opened: set[int] = set()

    def token(self, answer: Answer, token: int) -> None:
        """Send a token; everything around it is ready made."""
        before, behind = self._frames[answer.index]
        data = b"%b%b%b" % (before, self._tokenizer.json_of(token), behind)
        if len(answer.ids) == 1:
            data = self._opening(answer) + data
        self._events.write(data)
        self._maybe_cut(answer)

    def text(self, answer: Answer, text: str, token: int) -> None:
        """Send a text with what was asked for beside it."""
        logprobs = self._score(answer, token) if self._score is not None else None
        if text or logprobs is not None or self._usage_always:
            self._send(answer, text, logprobs, None)
        self._maybe_cut(answer)

    def finish(self, answer: Answer, text: str) -> None:
        """Send the last text and why it is the last."""
        reason = self._reasons.get(answer.reason, answer.reason)
        self._send(answer, text, None, reason)
        self._one_less()

    def _send(self, answer: Answer, text: str, logprobs: Any, reason: str | None) -> None:
        document = {
            **self._dialect.envelope,
            "choices": [self._dialect.choice(answer.index, text, logprobs, reason)],
        }
        if self._usage_always:
            document["usage"] = usage(answer.prompt_tokens, len(answer.ids), answer.cached)
        self._events.write(self._opening(answer) + event(document))

    def _opening(self, answer: Answer) -> bytes:
        if answer.index in self._opened:
            return b""
        self._opened.add(answer.index)
        choice = self._dialect.opening(answer.index)
        if choice is None:
            return b""
        document = {**self._dialect.envelope, "choices": [choice]}
        if self._usage_always:
            document["usage"] = usage(answer.prompt_tokens, 0, answer.cached)
        return event(document)

    def _maybe_cut(self, answer: Answer) -> None:
        if answer.cut_after and len(answer.ids) >= answer.cut_after:
            self._events.cut()
