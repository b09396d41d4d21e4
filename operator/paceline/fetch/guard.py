"""Where a fetch may connect to: nowhere private, whatever library opens the connection and however a name is spelt.

Checking URLs is not enough: 0x7f.1, 2130706433 and a name whose address is 127.0.0.1 all lead home, and so may a
redirect or the second answer of a DNS server. So the check stands where a socket is connected. Python tells an audit
hook of every connect with the address that the kernel gets, before it happens. Code that is not Python opens its own
sockets unseen: hf_xet is switched off, programs are not started, and a NetworkPolicy stands behind all of it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from paceline.errors import Stalled

Network = IPv4Network | IPv6Network

#: Addresses that reach other machines through a relay, with the private address in their last bits.
_NAT64 = ip_network("64:ff9b::/96")
_6TO4 = ip_network("2002::/16")
#: Where addresses of the public internet are; everything else of version 6 is not.
_PUBLIC_6 = ip_network("2000::/3")
#: Public by the book, but a cloud's own services to its machines answer there.
_CLOUDS = tuple(ip_network(each) for each in ("168.63.129.16/32", "192.0.0.0/24", "100.100.100.200/32"))
#: A program could connect without being seen.
_PROGRAMS = frozenset({"subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "os.fork", "os.forkpty"})


class RefusedAddressError(Stalled):
    """A connection that is not made."""


class Guard:
    """What may be connected to.

    Args:
        allowed: Private networks that the administrator allows.
    """

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        self._allowed: tuple[Network, ...] = tuple(ip_network(each) for each in allowed)

    def check(self, address: object) -> None:
        """Look at the address of a socket.

        Raises:
            RefusedAddressError: it is private, or no address at all.
        """
        host = address[0] if isinstance(address, tuple) and address else None
        try:
            found = ip_address(str(host).partition("%")[0])
        except ValueError:
            raise _refusal("the source leads to something that is no network address") from None
        if isinstance(found, IPv6Address):
            found = found.ipv4_mapped or _relayed(found) or found
        if any(found in network for network in self._allowed if network.version == found.version):
            return
        beside = isinstance(found, IPv6Address) and found not in _PUBLIC_6
        cloud = any(found in network for network in _CLOUDS if network.version == found.version)
        if not found.is_global or found.is_multicast or beside or cloud:
            raise _refusal("the source leads to an address that is private, of this machine or of its cloud")

    def install(self) -> None:
        """Check every connection of this process from now on. A hook cannot be taken out again."""

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            if event == "socket.connect":
                self.check(arguments[1])
            elif event in _PROGRAMS:
                raise _refusal(f"a program is not started from here ({event})")

        sys.addaudithook(hook)


def _relayed(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour if address in _6TO4 else None


def _refusal(what: str) -> RefusedAddressError:
    """The address itself is not told: whoever writes specs could ask the cluster's DNS for private ones that way."""
    return RefusedAddressError(
        "SourceRefused",
        f"{what}, and models are fetched from public ones only. Use a public source, or let the administrator add its "
        "network to the chart value fetch.allowedNetworks.",
    )
