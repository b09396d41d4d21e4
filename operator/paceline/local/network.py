"""The cluster's network namespace and its link to the host."""

from __future__ import annotations

import hashlib
import json
from ipaddress import IPv4Network
from pathlib import Path

from paceline.local.addresses import Addresses
from paceline.local.shell import run, succeeds

#: Name of the link's end inside the namespace.
INSIDE = "uplink"


def namespace_name(name: str) -> str:
    """Name that `ip netns list` shows."""
    return f"paceline-{name}"


def namespace_file(name: str) -> Path:
    """What nsenter opens."""
    return Path("/run/netns") / namespace_name(name)


def host_end(name: str) -> str:
    """Name of the link's host end; hashed, for interface names end at 15 characters."""
    return "pl-" + hashlib.sha256(name.encode()).hexdigest()[:10]


def host_networks() -> list[IPv4Network]:
    """Everything the host routes or talks to by itself: routes (default aside), addresses, name servers."""
    routes = json.loads(run("ip", "-j", "-4", "route", "show", "table", "all") or "[]")
    found = [IPv4Network(route["dst"], strict=False) for route in routes if route["dst"] != "default"]
    words = [line.split() for line in Path("/etc/resolv.conf").read_text().splitlines()]
    servers = [each[1] for each in words if len(each) > 1 and each[0] == "nameserver"]
    return found + [IPv4Network(server) for server in servers if ":" not in server]


def intact(name: str, addresses: Addresses) -> bool:
    """Whether namespace, link and host routes are all in place."""
    if not succeeds("ip", "-n", namespace_name(name), "link", "show", INSIDE):
        return False
    shown = run("ip", "-4", "route", "show", "dev", host_end(name)) if _has_link(name) else ""
    return str(addresses.pods) in shown and str(addresses.services) in shown


def _has_link(name: str) -> bool:
    return Path("/sys/class/net", host_end(name)).exists()


def create(name: str, addresses: Addresses) -> None:
    """Make the namespace, the link and the two routes on the host; nothing else there changes.

    Inside, everything outside the cluster and the host is unreachable at once: nothing
    translates addresses for it, so a packet sent out would only time out.
    """
    outside, namespace = host_end(name), namespace_name(name)
    run("ip", "netns", "add", namespace)
    run("ip", "link", "add", outside, "type", "veth", "peer", "name", INSIDE, "netns", namespace)
    inside_commands = [
        "link set lo up",
        f"addr add {addresses.node}/30 dev {INSIDE}",
        f"link set {INSIDE} up",
        "route add unreachable default",
    ]
    run("ip", "-n", namespace, "-batch", "-", text="\n".join(inside_commands))
    host_commands = [
        f"addr add {addresses.host}/30 dev {outside}",
        f"link set {outside} up",
        f"route add {addresses.pods} via {addresses.node} dev {outside}",
        f"route add {addresses.services} via {addresses.node} dev {outside}",
    ]
    run("ip", "-batch", "-", text="\n".join(host_commands))
    run("nsenter", f"--net={namespace_file(name)}", "sysctl", "-qw", "net.ipv4.ip_forward=1")


def remove(name: str) -> None:
    """Remove link and namespace; the routes go with the link. Absent parts are no error."""
    if _has_link(name):
        run("ip", "link", "delete", host_end(name))
    if namespace_file(name).exists() and not succeeds("ip", "netns", "delete", namespace_name(name)):
        # The name exists without a mount behind it, after a reboot or a half-done `add`.
        namespace_file(name).unlink(missing_ok=True)
