from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from paceline.sim.blocks import BlockPool, Lease, chain_hashes


def test_a_hash_covers_every_token_before_it():
    tokens = list(range(12))
    changed = [99, *tokens[1:]]
    assert len(chain_hashes(tokens, 4)) == 3
    assert not set(chain_hashes(tokens, 4)) & set(chain_hashes(changed, 4))
    assert chain_hashes(tokens, 4)[:2] == chain_hashes(tokens[:8], 4)


def test_a_partial_block_has_no_hash():
    assert chain_hashes([1, 2, 3], 4) == ()


def test_another_salt_shares_nothing():
    assert chain_hashes([1, 2, 3, 4], 4) != chain_hashes([1, 2, 3, 4], 4, salt=7)


def test_published_blocks_are_shared_with_the_next_prompt_that_begins_alike():
    pool = BlockPool(10, 4, caching=True)
    first = pool.admit((1, 2, 3), 0, 4)
    assert first is not None
    pool.publish(first, (1, 2, 3), 2)
    assert pool.hits((1, 2, 3)) == 2
    second = pool.admit((1, 2, 9), 2, 3)
    assert second is not None
    assert second.shared == [1, 2]
    assert pool.used == 5


def test_a_pool_without_caching_never_hits():
    pool = BlockPool(10, 4, caching=False)
    lease = pool.admit((1, 2), 0, 2)
    assert lease is not None
    pool.publish(lease, (1, 2), 2)
    assert pool.hits((1, 2)) == 0
    assert pool.cached == 0


def test_released_blocks_stay_in_the_cache_until_their_room_is_needed():
    pool = BlockPool(4, 4, caching=True)
    lease = pool.admit((1, 2, 3), 0, 3)
    assert lease is not None
    pool.publish(lease, (1, 2, 3), 3)
    pool.release(lease)
    assert (pool.used, pool.cached, pool.hits((1, 2, 3))) == (0, 3, 3)
    assert pool.admit((), 0, 2) is not None
    assert pool.hits((1, 2, 3)) == 2  # the end of the prompt went first


def test_hits_are_not_evicted_to_make_room_for_the_rest_of_the_same_prompt():
    pool = BlockPool(3, 4, caching=True)
    lease = pool.admit((1, 2), 0, 2)
    assert lease is not None
    pool.publish(lease, (1, 2), 2)
    pool.release(lease)
    assert pool.admit((1, 2), 2, 4) is None
    assert pool.hits((1, 2)) == 2


def test_a_block_that_is_in_the_cache_already_stays_private():
    pool = BlockPool(10, 4, caching=True)
    one, other = pool.admit((1, 2), 0, 2), pool.admit((1, 2), 0, 2)
    assert one is not None
    assert other is not None
    pool.publish(one, (1, 2), 2)
    pool.publish(other, (1, 2), 2)
    assert other.private == 2
    assert pool.used == 4


def test_growth_beyond_the_pool_takes_nothing():
    pool = BlockPool(3, 4, caching=True)
    lease = pool.admit((), 0, 2)
    assert lease is not None
    assert not pool.grow(lease, 4)
    assert pool.grow(lease, 3)
    assert pool.grow(lease, 3)
    assert pool.available == 0


class Conservation(RuleBasedStateMachine):
    """Whatever happens, every block is free, idle or held, and shared ones are held by those who share them."""

    @initialize(blocks=st.integers(1, 30), caching=st.booleans())
    def start(self, blocks: int, caching: bool) -> None:
        self.pool = BlockPool(blocks, 4, caching=caching)
        self.leases: list[tuple[Lease, tuple[int, ...]]] = []

    @rule(prefix=st.lists(st.integers(0, 3), max_size=6), extra=st.integers(1, 5))
    def admit(self, prefix: list[int], extra: int) -> None:
        hashes = chain_hashes(prefix, 1)
        hits = self.pool.hits(hashes)
        lease = self.pool.admit(hashes, hits, len(hashes) + extra)
        if lease is not None:
            assert lease.blocks == len(hashes) + extra
            self.leases.append((lease, hashes))

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def publish(self, data: st.DataObject) -> None:
        lease, hashes = data.draw(st.sampled_from(self.leases))
        before = lease.blocks
        self.pool.publish(lease, hashes, data.draw(st.integers(0, len(hashes))))
        assert lease.blocks == before

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), more=st.integers(0, 6))
    def grow(self, data: st.DataObject, more: int) -> None:
        lease, _ = data.draw(st.sampled_from(self.leases))
        before = lease.blocks
        grown = self.pool.grow(lease, before + more)
        assert lease.blocks == before + (more if grown else 0)

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.leases) - 1))
        lease, _ = self.leases.pop(index)
        self.pool.release(lease)
        assert lease.blocks == 0

    @invariant()
    def nothing_is_lost(self) -> None:
        private = sum(lease.private for lease, _ in self.leases)
        shared = {key for lease, _ in self.leases for key in lease.shared}
        assert self.pool.used == private + len(shared)
        assert 0 <= self.pool.available <= self.pool.total


TestConservation = Conservation.TestCase


@given(st.lists(st.integers(0, 5), max_size=40), st.integers(1, 8))
def test_there_is_one_hash_per_full_block(tokens, size):
    assert len(chain_hashes(tokens, size)) == len(tokens) // size
