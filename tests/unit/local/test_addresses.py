from __future__ import annotations

from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.local.addresses import Addresses, candidates, choose
from paceline.local.errors import LocalError

networks = st.builds(
    lambda address, prefix: IPv4Network((address, prefix), strict=False),
    st.integers(0, 2**32 - 1),
    st.integers(4, 32),
)


@pytest.mark.parametrize("block", [*candidates()], ids=str)
def test_the_parts_of_a_block_lie_inside_it_and_apart(block: IPv4Network) -> None:
    addresses = Addresses(block)
    parts = (addresses.pods, addresses.services, addresses.link)
    assert all(part.subnet_of(block) for part in parts)
    assert not any(one.overlaps(other) for one, other in combinations(parts, 2))
    assert addresses.node_pods.subnet_of(addresses.pods)
    assert addresses.fake_pods.subnet_of(addresses.pods)
    assert not addresses.node_pods.overlaps(addresses.fake_pods)
    assert addresses.host in addresses.link
    assert addresses.node in addresses.link
    assert addresses.first_service in addresses.services


@given(st.lists(networks, max_size=8))
def test_what_is_chosen_overlaps_nothing_that_is_taken(taken: list[IPv4Network]) -> None:
    try:
        chosen = choose(taken).block
    except LocalError:
        assert all(any(block.overlaps(each) for each in taken) for block in candidates())
    else:
        assert not any(chosen.overlaps(each) for each in taken)


def test_the_second_cluster_gets_the_next_block() -> None:
    first = choose([]).block
    assert choose([first]).block != first


def test_a_machine_whose_vpn_claims_all_of_ten_gets_another_range() -> None:
    assert str(choose([IPv4Network("10.0.0.0/8")]).block).startswith("172.")
    assert str(choose([IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12")]).block) == "198.18.0.0/16"


def test_no_free_block_is_said_with_a_remedy() -> None:
    with pytest.raises(LocalError, match="paceline local down"):
        choose(candidates())
