"""`paceline ledger` as a process of the test: started, killed, stopped and read by its own pid."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.ledger_service import token_file
from tests.support.ports import free_port
from tests.support.tree import ROOT


class Process:
    """One that listens."""

    def __init__(self, url: str, folder: Path, *options: str) -> None:
        database, self.log = folder / "database-url", folder / "ledger.log"
        database.write_text(f"{url}\n")
        self.port = free_port()
        files = ["--database-url-file", str(database), "--tokens", str(token_file(folder))]
        where = ["--host", "127.0.0.1", "--port", str(self.port)]
        self.command = [sys.executable, "-m", "paceline", "ledger", *files, *where, *options]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "operator")}
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                self.command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line == f"listening on 127.0.0.1:{self.port}\n", line + self.log.read_text()

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        assert self._process.wait(10) == -9, "it was over before it was killed"
        self._close()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        code = self._process.wait(20)
        self._close()
        return code

    def _close(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None

    def over(self) -> None:
        """End it however it stands."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._close()


@contextmanager
def process(url: str, folder: Path, *options: str) -> Iterator[Process]:
    """A process, started; it is over afterwards."""
    found = Process(url, folder, *options)
    try:
        found.start()
        yield found
    finally:
        found.over()
