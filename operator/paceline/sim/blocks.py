"""KV cache blocks, and the prefix cache that keeps finished ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence as Seq


def chain_hashes(tokens: Seq[int], block_size: int, salt: int = 0) -> tuple[int, ...]:
    """Return one hash per full block of ``tokens``; each covers all the blocks before it.

    Args:
        tokens: Token ids of the prompt.
        block_size: Tokens per block.
        salt: What must not share a cache has another salt (an adapter, for example).
    """
    hashes = []
    chained = salt
    for start in range(0, len(tokens) - block_size + 1, block_size):
        chained = hash((chained, *tokens[start : start + block_size]))
        hashes.append(chained)
    return tuple(hashes)


class Lease:
    """The blocks one sequence holds.

    Attributes:
        shared: Hashes of the blocks it shares through the prefix cache, in prompt order.
        private: Number of blocks that are its own.
    """

    __slots__ = ("private", "shared")

    def __init__(self) -> None:
        self.shared: list[int] = []
        self.private = 0

    @property
    def blocks(self) -> int:
        """All blocks held."""
        return len(self.shared) + self.private


class BlockPool:
    """A fixed number of KV blocks.

    A block is free, private to one sequence, shared by the sequences whose prompts begin alike, or idle:
    shared once, held by nobody now, kept until its room is needed (least recently used first).
    """

    def __init__(self, blocks: int, block_size: int, *, caching: bool) -> None:
        self.total = blocks
        self.block_size = block_size
        self.caching = caching
        self._free = blocks
        self._holders: dict[int, int] = {}
        self._idle: OrderedDict[int, None] = OrderedDict()

    @property
    def available(self) -> int:
        """Blocks that can be had now: free ones and idle ones."""
        return self._free + len(self._idle)

    @property
    def used(self) -> int:
        """Blocks that sequences hold."""
        return self.total - self.available

    @property
    def cached(self) -> int:
        """Blocks in the prefix cache, held or idle."""
        return len(self._holders) + len(self._idle)

    def hits(self, prefix: Seq[int]) -> int:
        """Return how many leading blocks of ``prefix`` are in the cache."""
        if not self.caching:
            return 0
        count = 0
        for key in prefix:
            if key not in self._holders and key not in self._idle:
                break
            count += 1
        return count

    def admit(self, prefix: Seq[int], hits: int, blocks: int) -> Lease | None:
        """Take ``blocks`` blocks, of which the first ``hits`` come from the cache; None where they do not fit."""
        idle_hits = sum(1 for key in prefix[:hits] if key in self._idle)
        if blocks - hits > self.available - idle_hits:
            return None
        lease = Lease()
        for key in prefix[:hits]:
            self._idle.pop(key, None)
            self._holders[key] = self._holders.get(key, 0) + 1
            lease.shared.append(key)
        self._take(lease, blocks - hits)
        return lease

    def grow(self, lease: Lease, blocks: int) -> bool:
        """Extend a lease to ``blocks`` blocks; False, and nothing taken, where they do not fit."""
        missing = blocks - lease.blocks
        if missing > self.available:
            return False
        if missing > 0:
            self._take(lease, missing)
        return True

    def publish(self, lease: Lease, prefix: Seq[int], computed_blocks: int) -> None:
        """Put the prompt blocks that are computed by now into the prefix cache.

        A block whose twin is in the cache already stays private, as in vLLM, and ends the sharing there.
        """
        if not self.caching:
            return
        for key in prefix[len(lease.shared) : computed_blocks]:
            if key in self._holders or key in self._idle:
                return
            self._holders[key] = 1
            lease.shared.append(key)
            lease.private -= 1

    def release(self, lease: Lease) -> None:
        """Give all blocks of a lease back; shared ones go idle, the last of the prompt first to be evicted."""
        self._free += lease.private
        lease.private = 0
        for key in reversed(lease.shared):
            holders = self._holders[key] - 1
            if holders:
                self._holders[key] = holders
            else:
                del self._holders[key]
                self._idle[key] = None
        lease.shared.clear()

    def _take(self, lease: Lease, count: int) -> None:
        evict = count - self._free
        for _ in range(evict):
            self._idle.popitem(last=False)
            self._free += 1
        self._free -= count
        lease.private += count
