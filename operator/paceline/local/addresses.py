"""Which addresses a cluster gets: pure arithmetic over what is taken already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from paceline.local.errors import LocalError


@dataclass(frozen=True)
class Addresses:
    """The parts of one /16 that a cluster lives in.

    Attributes:
        block: The /16. Its first half holds pods, the third quarter Services, the last /24 the link to the host.
    """

    block: IPv4Network

    @property
    def pods(self) -> IPv4Network:
        """All pods, real and fake: 32,768 addresses."""
        return next(self.block.subnets(new_prefix=17))

    @property
    def node_pods(self) -> IPv4Network:
        """Pods of the real node: 254 addresses."""
        return next(self.block.subnets(new_prefix=24))

    @property
    def fake_pods(self) -> IPv4Network:
        """Pods of kwok's nodes: 16,384 addresses."""
        return list(self.block.subnets(new_prefix=18))[1]

    @property
    def services(self) -> IPv4Network:
        """Service addresses: 16,384."""
        return list(self.block.subnets(new_prefix=18))[2]

    @property
    def first_service(self) -> IPv4Address:
        """Address of Service `kubernetes`."""
        return self.services[1]

    @property
    def link(self) -> IPv4Network:
        """The /30 between the host and the cluster's namespace."""
        return IPv4Network((int(self.block.network_address) + 0xFF00, 30))

    @property
    def host(self) -> IPv4Address:
        """The host's end of the link: how pods reach a process on the host."""
        return self.link[1]

    @property
    def node(self) -> IPv4Address:
        """The cluster's end of the link: API server, node and DNS."""
        return self.link[2]

    @property
    def server(self) -> str:
        """URL of the API server, from the host and from inside."""
        return f"https://{self.node}:6443"


def candidates() -> Iterator[IPv4Network]:
    """The /16 blocks that may be used, in order of preference.

    The top of 10/8 first, away from what clouds and home routers hand out; then the private
    172.16/12; last 198.18/15, which is set aside for benchmarks (RFC 2544) and is free even where
    a VPN claims all of 10/8.
    """
    for second in range(201, 250):
        yield IPv4Network(f"10.{second}.0.0/16")
    for second in range(31, 17, -1):
        yield IPv4Network(f"172.{second}.0.0/16")
    yield IPv4Network("198.18.0.0/16")
    yield IPv4Network("198.19.0.0/16")


def choose(taken: Iterable[IPv4Network]) -> Addresses:
    """The first block that overlaps nothing.

    Args:
        taken: Networks of the host (routes, addresses, name servers) and of other clusters.

    Raises:
        LocalError: every block is taken.
    """
    used = list(taken)
    for block in candidates():
        if not any(block.overlaps(network) for network in used):
            return Addresses(block)
    raise LocalError(
        "No free private address block is left for another local cluster.",
        "Remove one with `paceline local down --name NAME`.",
    )
