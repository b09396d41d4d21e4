"""Bringing a cluster up: every step looks first and does only what is missing."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from paceline.local import (
    cgroups,
    controlplane,
    disk,
    fakenodes,
    gpus,
    images,
    kernel,
    kubeconfig,
    network,
    node,
    pki,
    state,
    teardown,
)
from paceline.local.client import Client
from paceline.local.controlplane import Site
from paceline.local.errors import LocalError, UnreadableError
from paceline.local.packages import cni_folder
from paceline.local.processes import Component, Processes
from paceline.local.state import Options

#: Seconds until what was just started must answer; a loaded machine takes ten times the usual.
PATIENCE = 90.0
_LONG_AGO = datetime.fromtimestamp(0, UTC)
Say = Callable[[str], None]


class Startup:
    """One run of `up`.

    Args:
        site: The cluster.
        options: What it shall have.
        clock: The time of day.
        say: Told of each step.
    """

    def __init__(self, site: Site, options: Options, clock: Callable[[], datetime], say: Say) -> None:
        self._site = site
        self._options = options
        self._clock = clock
        self._say = say
        self._name = site.folders.name
        self._processes = Processes(site.folders, network.namespace_file(self._name))

    def run(self) -> None:
        """Bring everything up and return when the node is Ready.

        Raises:
            LocalError: something does not start; the message names it and holds the end of its log.
        """
        site = self._site
        self._prepare()
        self._launch(controlplane.etcd(site), controlplane.apiserver(site), node.containerd(site, cni_folder()))
        self._wait("containerd", site.folders.socket.is_socket, "containerd")
        images.load_pause(site.folders, site.binaries["pause"])
        with Client(site.addresses.server, site.folders.pki) as client:
            self._wait("The API server", client.ready, "etcd", "apiserver")
            self._say("API server ready")
            self._start_node(client)

    def _start_node(self, client: Client) -> None:
        site = self._site
        # The node reports whole seconds.
        now = self._clock().replace(microsecond=0)
        since = now if self._launch(node.kubelet(site)) else _LONG_AGO
        self._launch(
            controlplane.controller_manager(site), controlplane.scheduler(site), node.proxy(site), node.dns(site)
        )
        self._set_fake_nodes(client)
        must_run = ("kubelet", "containerd", "controller-manager", "scheduler", "proxy", "dns")
        self._wait("The node", lambda: client.node_ready(pki.NODE, since), *must_run)
        gpus.pretend(client, pki.NODE, self._options.gpus)
        disk.tell(client, pki.NODE, site.folders.state)
        self._say("Node ready")

    def _prepare(self) -> None:
        site, folders = self._site, self._site.folders
        certified = pki.valid(folders.pki, site.addresses, self._clock())
        if not (certified and network.intact(self._name, site.addresses)):
            # Parts of a killed one, or of a machine since rebooted, or certificates that nobody trusts any more: all
            # programs start anew, and etcd's data stays.
            teardown.stop(folders)
            network.create(self._name, site.addresses)
        folders.state.mkdir(parents=True, exist_ok=True)
        with state.lock_all():
            state.claim(folders)
            kernel.remember()
        pki.ensure(folders.pki, site.addresses, self._clock())
        for client in pki.CLIENTS:
            path = folders.kubeconfig if client == "admin" else site.kubeconfig(client)
            kubeconfig.write(
                path, kubeconfig.render(kubeconfig.context(self._name), site.addresses.server, folders.pki, client)
            )
        cgroups.create(self._name)

    def _launch(self, *components: Component) -> bool:
        """Start what does not run, or runs with other settings; True when anything was started."""
        missing = [each for each in components if not self._processes.current(each)]
        for component in missing:
            self._processes.stop(component.name)
            cgroups.adopt(self._name, self._processes.start(component).pid)
        return bool(missing)

    def _set_fake_nodes(self, client: Client) -> None:
        count = self._options.fake_nodes
        if count:
            self._launch(fakenodes.controller(self._site))
        elif "kwok" not in self._processes.recorded():
            return
        fakenodes.synchronise(client, count, self._options.gpus)
        if not count:
            self._processes.stop("kwok")

    def _wait(self, what: str, done: Callable[[], bool], *needed: str) -> None:
        """Poll until it is done, as long as the components that it needs are alive."""
        deadline = time.monotonic() + PATIENCE
        while not done():
            for name in needed:
                if not self._processes.alive(name):
                    kind = UnreadableError if name == "etcd" else LocalError
                    raise kind(f"{name} ended right after its start: {self._end_of_log(name)}", self._see_logs())
            if time.monotonic() > deadline:
                raise LocalError(f"{what} was not ready after {PATIENCE:.0f} s.", self._see_logs())
            time.sleep(0.05)

    def _end_of_log(self, name: str) -> str:
        lines = (self._site.folders.logs / f"{name}.log").read_text(errors="replace").splitlines()
        return " / ".join(lines[-2:])[-600:]

    def _see_logs(self) -> str:
        again = f"Run `paceline local up --name {self._name}` again; with `down` before, it starts over."
        return f"The logs are in {self._site.folders.logs}. {again}"
