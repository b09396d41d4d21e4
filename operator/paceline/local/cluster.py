"""The embedded cluster as a whole: up, down, status."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from paceline.local import binaries, kubeconfig, network, packages, preflight, state, teardown
from paceline.local.addresses import Addresses, choose
from paceline.local.client import Client
from paceline.local.controlplane import Site
from paceline.local.errors import LocalError, UnreadableError
from paceline.local.kubeconfig import context
from paceline.local.paths import Folders
from paceline.local.processes import Processes
from paceline.local.startup import Say, Startup
from paceline.local.state import Options, Record
from paceline.settings import now

DEFAULT_NAME = "paceline"
_TOOLS = ("hyperkube", "etcd", "coredns", "pause")
_COMPONENTS = (
    "etcd", "apiserver", "containerd", "kubelet", "controller-manager", "scheduler", "proxy", "dns",
)  # fmt: skip


@dataclass(frozen=True)
class Cluster:
    """A cluster as it is now.

    Attributes:
        name: Its name.
        state: "Running", "Degraded" (a component is dead or does not answer) or "Absent".
        message: What is wrong, in words; empty when running.
        kubeconfig: The administrator's kubeconfig.
        logs: Folder of the components' logs.
        server: URL of the API server; empty when absent.
        host: Address under which pods reach a process on the host; empty when absent.
        options: What it was asked to have.
    """

    name: str
    state: str
    message: str
    kubeconfig: Path
    logs: Path
    server: str = ""
    host: str = ""
    options: Options = field(default_factory=Options)

    def as_data(self) -> dict[str, Any]:
        """JSON-able form, as `status -o json` prints it."""
        paths = {"kubeconfig": str(self.kubeconfig), "logs": str(self.logs)}
        return {**asdict(self), **paths, "options": self.options.model_dump()}


def up(name: str = DEFAULT_NAME, options: Mapping[str, Any] | None = None, say: Say = lambda _: None) -> Cluster:
    """Make that cluster run: start it, repair it, or find that it runs already.

    Args:
        name: Several live side by side by name.
        options: Fields of Options; those left out stay as they were.
        say: Told of each step, for a person who waits.

    Raises:
        LocalError: this machine cannot run one, or a component does not start.
    """
    folders = Folders.of(name)
    preflight.require()
    packages.ensure(packages.RUNTIME)
    with state.lock(name):
        state.claim(folders)
        record = _record(folders, options or {})
        wanted = (*_TOOLS, "kwok") if record.options.fake_nodes else _TOOLS
        tools = {tool: binaries.ensure(tool) for tool in wanted}
        site = Site(folders, Addresses(record.block), tools, record.options.audit)
        had_data = (folders.state / "etcd").exists()
        try:
            Startup(site, record.options, now, say).run()
        except UnreadableError as error:
            if not had_data:
                raise
            say(f"{error.message} Starting over with an empty cluster.")
            teardown.remove(folders)
            record.save(folders)
            Startup(site, record.options, now, say).run()
    return status(name)


def _record(folders: Folders, options: Mapping[str, Any]) -> Record:
    """The cluster's record, made on the first `up`. Two at once must not choose the same addresses."""
    with state.lock_all():
        earlier = Record.load(folders)
        if earlier is None:
            taken = [*network.host_networks(), *(other.block for other in state.known().values())]
            record = Record(block=choose(taken).block, options=Options.model_validate(options))
        else:
            wanted = {**earlier.options.model_dump(), **options}
            record = Record(block=earlier.block, options=Options.model_validate(wanted))
        record.save(folders)
    return record


def down(name: str = DEFAULT_NAME) -> bool:
    """Remove a cluster and everything of it. Doing it twice is no error.

    Returns:
        True when there was something to remove.

    Raises:
        LocalError: not root, or something would not go; the message names it.
    """
    folders = Folders.of(name)
    if not teardown.leftovers(folders):
        return False
    preflight.require_root()
    with state.lock(name):
        state.claim(folders)
        teardown.remove(folders)
        remove_from_user_kubeconfig(name)
        if left := teardown.leftovers(folders):
            raise LocalError(f"Not everything of {name} could be removed: {'; '.join(left)}.", "Try again.")
    return True


def status(name: str = DEFAULT_NAME) -> Cluster:
    """What there is of a cluster; looks only."""
    folders = Folders.of(name)
    record = Record.load(folders)
    if record is None:
        found = teardown.leftovers(folders)
        message = f"Remains of an earlier cluster: {'; '.join(found)}." if found else ""
        return Cluster(name, "Degraded" if found else "Absent", message, folders.kubeconfig, folders.logs)
    addresses = Addresses(record.block)
    message = _trouble(folders, addresses, record.options)
    return Cluster(
        name=name,
        state="Degraded" if message else "Running",
        message=message,
        kubeconfig=folders.kubeconfig,
        logs=folders.logs,
        server=addresses.server,
        host=str(addresses.host),
        options=record.options,
    )


def _trouble(folders: Folders, addresses: Addresses, options: Options) -> str:
    processes = Processes(folders, network.namespace_file(folders.name))
    expected = (*_COMPONENTS, "kwok") if options.fake_nodes else _COMPONENTS
    if dead := [each for each in expected if not processes.alive(each)]:
        return f"Not running: {', '.join(dead)}. `paceline local up --name {folders.name}` repairs it."
    with Client(addresses.server, folders.pki) as client:
        return "" if client.ready() else "The API server does not answer."


def kubectl(name: str, *arguments: str) -> int:
    """Run kubectl against a cluster, on this terminal; returns its exit code."""
    program = binaries.ensure("kubectl")
    return subprocess.run([program, f"--kubeconfig={Folders.of(name).kubeconfig}", *arguments], check=False).returncode


def merge_into_user_kubeconfig(name: str) -> Path:
    """Add the cluster to the user's kubeconfig as its current context; returns that file."""
    own = kubeconfig.user_file()
    added = kubeconfig.load(Folders.of(name).kubeconfig)
    kubeconfig.write(own, kubeconfig.merged(kubeconfig.load(own), added))
    return own


def remove_from_user_kubeconfig(name: str) -> None:
    """Take the cluster out of the user's kubeconfig, if it is there."""
    own = kubeconfig.user_file()
    if own.exists():
        config = kubeconfig.load(own)
        if any(each.get("name") == context(name) for each in config.get("contexts") or []):
            kubeconfig.write(own, kubeconfig.without(config, context(name)))
