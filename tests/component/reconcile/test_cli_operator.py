"""`paceline operator` as a command: its options, its end, and what it says when it cannot begin."""

import asyncio
import os
import signal
import socket
import threading
from contextlib import contextmanager

import pytest
import typer
import yaml

from paceline.cli import operator as module
from paceline.cli.console import CliError
from paceline.errors import Stalled
from tests.support.apiserver import FakeApiServer
from tests.support.ports import free_port
from tests.support.waiting import wait_until
from tests.support.worlds import configuration


@contextmanager
def served():
    """A fake API server in a thread: the command has the main thread's loop for itself."""
    server, started, loop = FakeApiServer(), threading.Event(), asyncio.new_event_loop()
    ended = asyncio.Event()

    async def serve():
        async with server.running():
            started.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert started.wait(5)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(5)
        loop.close()


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(configuration()))
    return path


@pytest.fixture(autouse=True)
def plain_logs(monkeypatch):
    monkeypatch.setattr(module, "set_up", lambda _: None)


def run(config, kubeconfig, **options):
    module.operator(config, kubeconfig, metrics_port=free_port(), **options)


def test_it_runs_until_it_is_asked_to_end_and_gives_the_lease_back(tmp_path, config, monkeypatch):
    monkeypatch.setenv("POD_NAME", "paceline-operator-abc")
    with served() as server:
        kubeconfig = server.kubeconfig(tmp_path)

        holders = []

        def end_when_it_leads():
            try:
                lease = wait_until(lambda: server.all("Lease"), 10, "the Lease to be taken", every=0.01)[0]
                holders.append(lease["spec"]["holderIdentity"])
            finally:
                os.kill(os.getpid(), signal.SIGTERM)

        ending = threading.Thread(target=end_when_it_leads)
        ending.start()
        run(config, kubeconfig)
        ending.join()
        assert holders == ["paceline-operator-abc"]
        assert server.all("Lease")[0]["spec"]["holderIdentity"] == ""


def test_a_part_that_fails_is_an_exit_code(tmp_path, config, monkeypatch):
    async def broken(*_):
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr("paceline.reconcile.runtime.beat", broken)
    with served() as server, pytest.raises(typer.Exit) as ended:
        run(config, server.kubeconfig(tmp_path), identity="one")
    assert ended.value.exit_code == 1


def test_a_port_that_is_taken_is_said_in_words(tmp_path, config):
    with served() as server, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(CliError, match="cannot listen"):
            run(config, server.kubeconfig(tmp_path), health_port=taken.getsockname()[1])


def test_without_a_cluster_or_a_configuration_it_says_what_is_missing(tmp_path, config):
    with pytest.raises(Stalled, match="NoCluster"):
        run(config, tmp_path / "nothing")
    with pytest.raises(Stalled, match="InvalidConfiguration"):
        run(tmp_path / "nothing", None)


def test_two_processes_of_one_machine_have_different_identities(monkeypatch):
    monkeypatch.delenv("POD_NAME", raising=False)
    assert module._identity() != module._identity()
