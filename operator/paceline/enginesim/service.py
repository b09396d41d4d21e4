"""One engine: its model, its clock, what it counts, and whether it takes requests now."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable
from enum import StrEnum
from random import Random

from aiohttp import web

from paceline.enginesim.answer import Answer
from paceline.enginesim.config import Config
from paceline.enginesim.errors import ApiError
from paceline.enginesim.faults import CRASH_EXIT_CODE
from paceline.enginesim.language import LanguageModel
from paceline.enginesim.metrics import Metrics
from paceline.enginesim.pacer import Pacer
from paceline.enginesim.tokenizer import Tokenizer, corpus
from paceline.enginesim.truthlog import TruthLog
from paceline.sim.engine import Engine
from paceline.sim.sequence import Sequence


class State(StrEnum):
    """Where in its life the server is."""

    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"


class Service:
    """What all handlers share.

    Attributes:
        config: Settings.
        state: Loading, ready or draining.
        model_name: The name it announces.
        tokenizer: Words to tokens and back.
        language: Where answers come from.
        metrics: Counters.
        requests: Number of generation and embedding requests so far.
        running: Answers that are not finished.
        created: Wall-clock start, in seconds.
        quiet: Set while every HTTP request has its answer sent to the end.
        exit_code: What the process ends with.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.state = State.LOADING
        self.model_name = config.faults.wrong_model or config.served_name
        self.tokenizer = Tokenizer(corpus())
        self.language = LanguageModel(self.tokenizer, corpus())
        self.engine = Engine(config.calibration, config.batching, slowdown=config.faults.slow)
        self.metrics = Metrics(self.model_name, self.engine.scheduler)
        self.pacer = Pacer(self.engine, config.time_scale, self._on_step, self._on_token)
        self.truth = TruthLog(config.truth_log)
        self.requests = 0
        self.running: set[Answer] = set()
        self.created = int(time.time())
        self.quiet = asyncio.Event()
        self.quiet.set()
        self._open = 0
        self.exit_code = 0
        self._clock = asyncio.get_running_loop().time
        self._errors = Random(config.seed)  # noqa: S311 -- faults, not secrets
        self._streams = Random(config.seed + 1)  # noqa: S311
        self._wall = time.time() - self._clock()

    def opened(self) -> None:
        """Book an HTTP request."""
        self._open += 1
        self.quiet.clear()

    def closed(self) -> None:
        """Book the end of an HTTP request."""
        self._open -= 1
        if self._open == 0:
            self.quiet.set()

    def enter(self, model: str) -> int:
        """Let a request in and return its number.

        Raises:
            ApiError: Not now, not this model, or a scripted error.
        """
        self.check_open()
        if model != self.model_name:
            raise ApiError(404, f"model {model!r} does not exist: this server has {self.model_name!r}", param="model")
        self.requests += 1
        faults = self.config.faults
        if faults.error_rate and self._errors.random() < faults.error_rate:
            raise ApiError(500, f"scripted fault: error-rate={faults.error_rate:g}")
        if faults.hang_after and self.requests > faults.hang_after:
            self.pacer.hung = True
        return self.requests

    def check_open(self) -> None:
        """Refuse while loading. What still comes while draining comes from clients that kept their connection.

        Raises:
            ApiError: 503 with Retry-After.
        """
        if self.state is State.LOADING:
            raise ApiError(503, f"the engine is {self.state}: try again later", headers={"Retry-After": "1"})

    def check_prompt(self, prompt: list[int], longest: int | None, path: str) -> int:
        """Return the most tokens an answer to this prompt may have.

        Args:
            prompt: Token ids.
            longest: Tokens asked for; None takes what fits, 0 wants no answer.
            path: Where the prompt stands in the request.

        Raises:
            ApiError: Prompt and answer do not fit.
        """
        poison = self.config.faults.poison
        if poison and poison in self.tokenizer.decode(prompt):
            self.crash()
        limits = self.config.calibration.limits
        most = min(limits.max_context, limits.blocks * limits.block_size)
        room = most - len(prompt)
        if (1 if longest is None else longest) > room:
            asked = f" and {longest} answer tokens" if longest else ""
            lower = " or lower max_tokens" if longest else ""
            raise ApiError(
                400,
                f"{path} has {len(prompt)} tokens{asked}; this model's context is {most} tokens: "
                f"shorten the prompt{lower}",
                param=path,
            )
        return room if longest is None else longest

    def start(self, answers: Iterable[Answer], received: float) -> None:
        """Put answers into the engine; ``check_prompt`` has seen to it that they fit.

        Args:
            answers: Answers of one request.
            received: When its body had been read (the loop's clock).
        """
        cut = self.config.faults.cut_stream
        for answer in answers:
            if cut and self._streams.random() < cut:
                answer.cut_after = 3
            answer.received = received
            self.pacer.submit(answer, received)
            self.running.add(answer)

    def drop(self, answers: Iterable[Answer]) -> None:
        """Abort what still runs of these answers: their client is gone."""
        for answer in answers:
            if answer in self.running:
                answer.give_up()
                self.pacer.abort(answer)
                self._finish(answer)

    def crash(self) -> None:
        """Die like a segmentation fault (a scripted fault)."""
        os._exit(CRASH_EXIT_CODE)

    def _on_step(self, tokens: int, late: float) -> None:
        self.metrics.step(tokens, late, self.pacer.slipped)

    def _on_token(self, answer: Sequence) -> None:
        if not isinstance(answer, Answer) or answer not in self.running:  # dropped since the step ended
            return
        now, before = self._clock(), answer.last
        ended = answer.deliver(now)
        if answer.silent:
            self.metrics.prompt_tokens += answer.prompt_tokens
        else:
            self._count(answer, now, before)
        if ended:
            if not answer.finished:
                self.pacer.abort(answer)
            self._finish(answer)

    def _count(self, answer: Answer, now: float, before: float) -> None:
        self.metrics.generation_tokens += 1
        if before:
            self.metrics.next_token(now - before)
            return
        self.metrics.first_token(answer, now)
        if 0 < self.config.faults.crash_after <= self.requests:
            self.crash()

    def _finish(self, answer: Answer) -> None:
        self.running.discard(answer)
        self.metrics.finish(answer, self.config.time_scale)
        if answer.silent:
            return
        count = len(answer.ids)
        gaps = max(count - 1, 1)
        scale = self.config.time_scale
        record = {
            "id": answer.id,
            "index": answer.index,
            "model": self.model_name,
            "reason": answer.reason,
            "prompt_tokens": answer.prompt_tokens,
            "cached_tokens": answer.cached,
            "output_tokens": count,
            "preemptions": answer.preemptions,
            "arrival_wall": round(self._wall + answer.began, 6),
            "arrival": round(answer.began, 6),
        }
        if answer.first and answer.first_token is not None and answer.last_token is not None:
            record |= {
                "first_token": round(answer.first, 6),
                "last_token": round(answer.last, 6),
                "ttft": round(answer.first - answer.began, 6),
                "tpot": round((answer.last - answer.first) / gaps, 6),
                "planned_ttft": round((answer.first_token - answer.arrival) * scale, 6),
                "planned_tpot": round((answer.last_token - answer.first_token) / gaps * scale, 6),
            }
        self.truth.append(record)


SERVICE: web.AppKey[Service] = web.AppKey("service", Service)
