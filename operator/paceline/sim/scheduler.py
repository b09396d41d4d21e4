"""Who computes in the next step."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from paceline.sim.batching import Batching, Mode
from paceline.sim.blocks import BlockPool
from paceline.sim.calibration import Limits
from paceline.sim.sequence import Sequence
from paceline.sim.step import StepWork


@dataclass(slots=True)
class Step:
    """One planned step.

    Attributes:
        parts: Sequences in it, each with the tokens it computes.
        work: The same as the step model reads it.
        preempted: Sequences that were thrown out to make room.
    """

    parts: list[tuple[Sequence, int]] = field(default_factory=list)
    work: StepWork = field(default_factory=StepWork)
    preempted: list[Sequence] = field(default_factory=list)

    @property
    def tokens(self) -> int:
        """Tokens it computes, of prompts and of answers."""
        return sum(tokens for _, tokens in self.parts)


class Scheduler:
    """Plans steps over a block pool: first come, first served; decodes before prefills.

    Attributes:
        waiting: Sequences not admitted, oldest first.
        running: Admitted sequences, oldest admission first.
        pool: KV blocks.
        preemptions: Sequences thrown out so far; their prompt and answer are computed again later.
        prefix_queries: Prompt tokens looked up in the prefix cache so far.
        prefix_hits: Those of them found.
    """

    def __init__(self, limits: Limits, batching: Batching) -> None:
        self.limits = limits
        self.batching = batching
        self.seats = min(batching.size or limits.max_sequences, limits.max_sequences)
        self.pool = BlockPool(limits.blocks, limits.block_size, caching=limits.prefix_caching)
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []
        self.preemptions = 0
        self.prefix_queries = 0
        self.prefix_hits = 0
        self._left_early = 0  # seats of a fixed batch whose passengers got off; the bus drives on with them

    def add(self, sequence: Sequence) -> None:
        """Queue a sequence.

        Raises:
            ValueError: It can never fit, because prompt and answer need more than there is.
        """
        tokens = sequence.prompt_tokens + sequence.output_tokens
        if tokens > self.limits.max_context or self._blocks(tokens) > self.pool.total:
            raise ValueError(
                f"prompt and answer need {tokens} tokens; the engine holds {self.limits.max_context} per request "
                f"and {self.pool.total * self.limits.block_size} in all: shorten the prompt or lower max_tokens"
            )
        self.waiting.append(sequence)

    def remove(self, sequence: Sequence) -> None:
        """Take a sequence out, wherever it is; unknown ones are no error."""
        if sequence.lease is not None:
            self.running.remove(sequence)
            self.pool.release(sequence.lease)
            sequence.lease = None
            if self.batching.mode is not Mode.CONTINUOUS:  # the seat stays in the batch until all have arrived
                self._left_early = self._left_early + 1 if self.running else 0
        elif sequence in self.waiting:
            self.waiting.remove(sequence)

    def plan(self, now: float) -> Step | None:
        """Return the step to run now; None where nobody can compute."""
        step = Step()
        if self.batching.mode is Mode.CONTINUOUS:
            if self.limits.prefill_first:
                self._admit(step, now, self.limits.max_batched_tokens)
            if not step.parts:
                left = self._advance(step, self.limits.max_batched_tokens)
                if not self.limits.prefill_first and not step.preempted:
                    self._admit(step, now, left)
        else:
            left = self._advance(step, self.limits.max_batched_tokens)
            if not self.running:
                self._board(step, now, left)
            step.work.decoding += self._left_early
        return step if step.parts else None

    def next_departure(self) -> float | None:
        """Return when an idle engine can start again, if nobody else comes; None: not before somebody comes."""
        if not self.waiting:
            return None
        if self.batching.mode is Mode.CONTINUOUS:
            return self.waiting[0].ready
        times = sorted(sequence.ready for sequence in self.waiting)  # who was queued first may be ready last
        full = times[self.seats - 1] if len(times) >= self.seats else None
        latest = self.batching.departure(times[0])
        return min((time for time in (full, latest) if time is not None), default=None)

    def complete(self, step: Step, now: float) -> list[Sequence]:
        """Book a step that ended at ``now``; return the sequences that got a token, finished ones among them."""
        got = []
        for sequence, tokens in step.parts:
            lease = sequence.lease
            if lease is None:  # removed while the step ran
                continue
            sequence.computed += tokens
            if sequence.generated == 0:
                self.pool.publish(lease, sequence.prefix, sequence.computed // self.limits.block_size)
            if sequence.computed < sequence.tokens:
                continue
            sequence.generated += 1
            if sequence.first_token is None:
                sequence.first_token = now
            sequence.last_token = now
            got.append(sequence)
            if sequence.finished:
                self.remove(sequence)
        return got

    def _advance(self, step: Step, budget: int) -> int:
        """Put the running sequences into the step: decodes, then prompts under way; return the budget left."""
        prompts = []
        for sequence in tuple(self.running):
            if sequence.lease is None:
                continue  # thrown out for an older one, just now
            if sequence.tokens - sequence.computed > 1 or sequence.generated == 0:
                prompts.append(sequence)
            elif self._make_room(sequence, step):
                step.parts.append((sequence, 1))
                step.work.add_decode(sequence.tokens)
                budget -= 1
        for sequence in prompts:
            if sequence.lease is not None and budget > 0:
                budget -= self._prefill(step, sequence, budget)
        return max(budget, 0)

    def _make_room(self, sequence: Sequence, step: Step) -> bool:
        """Get the block for one more token, throwing out the youngest until it fits; False: it went itself."""
        while sequence.lease is not None and not self.pool.grow(sequence.lease, self._blocks(sequence.tokens)):
            victim = self.running[-1]
            self.remove(victim)
            victim.computed = 0
            victim.preemptions += 1
            self.preemptions += 1
            step.preempted.append(victim)
            self.waiting.appendleft(victim)
        return sequence.lease is not None

    def _admit(self, step: Step, now: float, budget: int) -> None:
        """Let waiting sequences in while seats, blocks and the token budget last."""
        while self.waiting and self.waiting[0].ready <= now and len(self.running) < self.seats and budget > 0:
            sequence = self.waiting[0]
            missing = sequence.tokens - self._hits(sequence) * self.limits.block_size
            if not self.limits.chunked_prefill and missing > budget and step.parts:
                return
            if not self._enter(sequence, now):
                return
            budget -= self._prefill(step, sequence, budget)

    def _board(self, step: Step, now: float, budget: int) -> None:
        """Start a fixed batch, if it departs now."""
        ready = [sequence for sequence in self.waiting if sequence.ready <= now][: self.seats]
        self._left_early = 0
        if not ready:
            return
        oldest = min(sequence.ready for sequence in ready)
        if not self.batching.departs(len(ready), self.seats, oldest, now):
            return
        for sequence in ready:
            if not self._enter(sequence, now):
                return
            budget = max(budget - self._prefill(step, sequence, budget), 0)

    def _hits(self, sequence: Sequence) -> int:
        """Cached blocks of the prompt; at least one token is left to compute, or there would be no logits."""
        return min(self.pool.hits(sequence.prefix), (sequence.tokens - 1) // self.limits.block_size)

    def _enter(self, sequence: Sequence, now: float) -> bool:
        """Admit a waiting sequence; False where its blocks do not fit."""
        size = self.limits.block_size
        hits = self._hits(sequence)
        lease = self.pool.admit(sequence.prefix, hits, self._blocks(sequence.tokens))
        if lease is None:
            return False
        self.waiting.remove(sequence)
        self.running.append(sequence)
        sequence.lease = lease
        sequence.computed = hits * size
        if sequence.scheduled is None:  # afterwards it finds its own blocks, which saved nobody anything
            sequence.scheduled = now
            sequence.cached = sequence.computed
            if self.limits.prefix_caching:
                self.prefix_queries += sequence.tokens
                self.prefix_hits += sequence.cached
        return True

    def _prefill(self, step: Step, sequence: Sequence, budget: int) -> int:
        """Put what fits of a prompt into the step; return its tokens. A whole prompt may exceed an empty step."""
        tokens = sequence.tokens - sequence.computed
        if self.limits.chunked_prefill:
            tokens = min(tokens, budget)
        elif tokens > budget and step.parts:
            tokens = 0
        if tokens:
            step.parts.append((sequence, tokens))
            step.work.add_prefill(tokens, sequence.computed)
        return tokens

    def _blocks(self, tokens: int) -> int:
        return -(-tokens // self.limits.block_size)
