"""From a request to an answer that is as it must be, or to a refusal."""

from __future__ import annotations

from dataclasses import dataclass, field

from paceline.adapter import answers, feedback, metrics
from paceline.adapter.asking import Answer, Asking, Headers, Refused
from paceline.adapter.checker import Checker, Unchecked
from paceline.adapter.checks import Check
from paceline.adapter.refusals import INCOMPLETE, UNCHECKED, mismatch
from paceline.adapter.room import Place

#: Of these the content is checked; embeddings have none.
_CHECKED = ("/v1/chat/completions", "/v1/completions")


@dataclass(frozen=True, slots=True)
class Request:
    """A client's, as Envoy passes it on.

    Attributes:
        path: With its query.
    """

    path: str
    headers: Headers
    body: bytes = field(repr=False)

    @property
    def checked(self) -> bool:
        """Its answer has content."""
        return self.path.partition("?")[0] in _CHECKED


@dataclass(frozen=True, slots=True)
class _Finding:
    """What is wrong with an answer; "" nothing."""

    problem: str
    text: str = ""


class Checking:
    """Asks, checks, and asks once more.

    Args:
        asking: For answers.
        checker: Of them.
    """

    def __init__(self, asking: Asking, checker: Checker) -> None:
        self._asking = asking
        self._checker = checker

    async def answer(self, request: Request, check: Check, place: Place) -> Answer:
        """An answer that matches, or one that says that there is none (status other than 200).

        Args:
            request: To be answered.
            check: What the answer must be like.
            place: Where bytes are held.

        Raises:
            Refused: there is no answer that matches.
            Full: there is no room for one.
        """
        first = await self._asking.ask(request.path, request.headers, request.body, 1, place)
        if first.status != 200 or not request.checked:
            return first
        found = await self._look(first, check)
        if not found.problem:
            return first
        again = feedback.once_more(request.body, found.text, found.problem) if check.again else None
        if again is None:
            raise Refused(mismatch(found.problem))
        metrics.repeats_total.inc()
        place.take(len(again))
        second = await self._asking.ask(request.path, request.headers, again, 2, place)
        if second.status != 200:
            raise Refused(mismatch(found.problem))
        if problem := (await self._look(second, check)).problem:
            raise Refused(mismatch(problem))
        return second

    async def _look(self, answer: Answer, check: Check) -> _Finding:
        try:
            texts = answers.contents(answer.body, stream=answer.stream)
        except (ValueError, AttributeError, TypeError, RecursionError):
            metrics.answers_total.labels("Broken").inc()
            raise Refused(INCOMPLETE) from None
        for text in texts:
            try:
                problem = await self._checker.problem(check.schema, [text])
            except Unchecked:
                metrics.answers_total.labels("Unchecked").inc()
                raise Refused(UNCHECKED) from None
            if problem:
                metrics.answers_total.labels("Mismatched").inc()
                return _Finding(problem, text)
        metrics.answers_total.labels("Matched").inc()
        return _Finding("")
