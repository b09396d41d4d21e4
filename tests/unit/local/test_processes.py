from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from paceline.local.paths import Folders
from paceline.local.processes import Process, Processes, start_time


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(Folders("n", tmp_path / "state", tmp_path / "run"), Path("/proc/self/ns/net"))


def record(processes: Processes, name: str, process: Process) -> None:
    processes._save({name: process})


def test_a_running_process_is_known_by_its_id_and_start_time(sleeper: subprocess.Popen[bytes]) -> None:
    start = start_time(sleeper.pid)
    assert start is not None
    assert Process(pid=sleeper.pid, start=start, digest="").alive


def test_another_process_under_the_same_id_is_not_taken_for_it(
    sleeper: subprocess.Popen[bytes], processes: Processes
) -> None:
    start = start_time(sleeper.pid)
    assert start is not None
    record(processes, "kubelet", Process(pid=sleeper.pid, start=start - 1, digest=""))
    processes.stop("kubelet", grace=0.1)
    assert sleeper.poll() is None
    assert processes.recorded() == {}


def test_a_process_name_with_spaces_and_parentheses_does_not_confuse(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    program = tmp_path / "a) b (c"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "60"]) as process:
        try:
            deadline = time.monotonic() + 5
            while b"a) b" not in Path(f"/proc/{process.pid}/stat").read_bytes():
                assert time.monotonic() < deadline
            plain, odd = start_time(sleeper.pid), start_time(process.pid)
            assert plain is not None
            assert odd is not None
            assert 0 <= odd - plain < 10 * os.sysconf("SC_CLK_TCK")
        finally:
            process.kill()


def test_a_dead_process_that_its_parent_does_not_wait_for_does_not_count_as_running() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 0 & echo $!; exec sleep 60"], stdout=subprocess.PIPE) as parent:
        try:
            assert parent.stdout is not None
            child = int(parent.stdout.readline())
            deadline = time.monotonic() + 5
            while start_time(child) is not None:
                assert time.monotonic() < deadline
            assert Path(f"/proc/{child}").exists()
        finally:
            parent.kill()


def test_a_process_that_ignores_sigterm_is_killed_after_its_grace(processes: Processes) -> None:
    pid = os.posix_spawnp("sh", ["sh", "-c", "trap '' TERM; while true; do sleep 1; done"], os.environ)
    start = start_time(pid)
    assert start is not None
    record(processes, "apiserver", Process(pid=pid, start=start, digest=""))
    processes.stop("apiserver", "never-started", grace=0.2)
    assert start_time(pid) is None


def test_a_dead_child_that_nobody_waited_for_does_not_count_as_running() -> None:
    pid = os.posix_spawnp("sleep", ["sleep", "60"], os.environ)
    start = start_time(pid)
    assert start is not None
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while Process(pid=pid, start=start, digest="").alive:
        assert time.monotonic() < deadline


def test_a_half_written_record_is_none(processes: Processes, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/processes.json").write_text('{"etcd": {"pid"')
    assert processes.recorded() == {}
    assert not processes.alive("etcd")
