"""A PostgreSQL server of one's own, from Debian's package, in a folder that is gone afterwards."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.support.waiting import wait_until

#: Where Debian's packages put the programs of each version.
_VERSIONS = Path("/usr/lib/postgresql")
#: It refuses to run as root.
_USER = "postgres"


def programs() -> Path | None:
    """The folder of the newest installed version; None where there is none."""
    found = sorted(_VERSIONS.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


class Server:
    """A running server, reached by a socket in its folder; everybody on it is its owner."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count()

    def url(self, database: str) -> str:
        return f"postgresql://ledger@/{database}?host={self.folder}"

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def database(self, options: str = "") -> str:
        """The URL of a new, empty database."""
        name = f"d{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} {options}")
        return self.url(name)

    def owned(self, folder: Path) -> Path:
        """Give a folder to the user that the server runs as."""
        if os.getuid() == 0:
            shutil.chown(folder, _USER, pwd.getpwnam(_USER).pw_gid)
        return folder


def _answers(server: Server) -> bool:
    try:
        server.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def serving(binaries: Path) -> Iterator[Server]:
    """Run a server. It ends with whoever runs it, even if that is killed."""
    with tempfile.TemporaryDirectory(prefix="pl-pg-", dir="/tmp") as name:
        server = Server(Path(name))
        server.owned(server.folder)
        user = [f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"] if os.getuid() == 0 else []
        run = ["setpriv", "--pdeathsig=INT", *user]
        data = str(server.folder / "data")
        initdb = [str(binaries / "initdb"), "-D", data, "-A", "trust", "-U", "ledger", "-E", "UTF8", "--locale=C"]
        subprocess.run([*run, *initdb, "--no-sync"], check=True, capture_output=True, cwd="/")
        settings = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={name}", "-c", "fsync=off"]
        settings += ["-c", "max_connections=200", "-c", "shared_buffers=32MB"]
        with (server.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*run, str(binaries / "postgres"), "-D", data, *settings], stdout=log, stderr=log, cwd="/"
            )
        try:
            wait_until(lambda: _answers(server), 60, "PostgreSQL to answer")
            yield server
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
