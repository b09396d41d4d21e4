"""The program: quick, whole without any one of its commands, and never a traceback."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from paceline.cli import main, version
from paceline.cli.console import ExitCode, fail
from paceline.errors import Stalled

Run = Callable[..., tuple[int, str, str]]


def test_version_answers_at_once_because_it_imports_nothing_heavy() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "paceline", "version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("paceline ")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "paceline.cli" in imported
    assert not imported & {"typer", "pydantic", "kubernetes", "rich", "httpx"}


def test_version_is_told_also_where_paceline_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise version.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(version.metadata, "version", missing)
    assert version.installed() == "from source, not installed"


def test_the_entry_point_gives_the_exit_code_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["paceline", "get", "--no-such-option"])
    with pytest.raises(SystemExit) as stop:
        runpy.run_module("paceline.__main__", run_name="__main__")
    assert stop.value.code == ExitCode.USAGE


def test_help_lists_every_command_without_importing_one(paceline: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} was imported for the help page")

    monkeypatch.setattr(main.importlib, "import_module", refuse)
    code, out, _ = paceline("--help")
    assert code == 0
    for name in main.COMMANDS:
        assert f" {name} " in out


def test_every_command_has_a_help_page_of_its_own(paceline: Run) -> None:
    for name in main.COMMANDS:
        code, out, err = paceline(name, "--help")
        assert (code, err) == (0, ""), name
        assert f"paceline {name}" in out


def test_an_unknown_command_is_wrong_usage(paceline: Run) -> None:
    code, _, err = paceline("frobnicate")
    assert code == ExitCode.USAGE
    assert "No such command 'frobnicate'" in err


def test_a_program_that_the_cluster_has_not_is_wrong_usage_before_anything_is_built(
    paceline: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[str] = []
    monkeypatch.setattr("paceline.local.binaries.ensure", built.append)
    code, _, err = paceline("local", "binaries", "helm", "docker")
    assert (code, built) == (ExitCode.USAGE, [])
    assert "'docker' is none of " in err
    assert paceline("local", "binaries", "helm")[0] == 0
    assert built == ["helm"]


def test_a_command_that_cannot_be_imported_says_so_and_leaves_the_others_alone(
    paceline: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(main.COMMANDS, "get", main.Entry("no_such_file", "Gone."))
    code, out, err = paceline("get")
    assert (code, out) == (ExitCode.FAILED, "")
    assert "`paceline get` is not part of this installation (No module named" in err
    assert "try:" in err
    assert paceline("version")[0] == 0


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        pytest.param(Stalled("InvalidSpec", "spec.x is 3"), 1, "error: spec.x is 3\n", id="expected"),
        pytest.param(KeyboardInterrupt(), 130, "", id="interrupted"),
        pytest.param(SystemExit(5), 5, "", id="exit-code"),
        pytest.param(SystemExit("words"), 1, "", id="exit-words"),
        pytest.param(SystemExit(None), 0, "", id="exit-plain"),
    ],
)
def test_each_way_to_end_has_its_code(
    error: BaseException, code: int, words: str, paceline: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "load", _raising(error))
    got, out, err = paceline("get")
    assert (got, out, err) == (code, "", words)


def test_an_unknown_error_becomes_one_sentence_and_a_private_file(
    paceline: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(main, "load", _raising(RuntimeError("boom")))
    code, out, err = paceline("get", "mdep")
    assert (code, out) == (ExitCode.FAILED, "")
    assert "Traceback" not in err
    assert "does not know (RuntimeError: boom)" in err
    (details,) = (tmp_path / "paceline" / "errors").iterdir()
    assert str(details) in err
    assert details.stat().st_mode & 0o077 == 0
    text = details.read_text()
    assert text.startswith("paceline get mdep\n")
    assert "RuntimeError: boom" in text


def no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))


def no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(main.Path, "home", missing)


@pytest.mark.parametrize("lacking", [no_folder, no_home])
def test_an_unknown_error_is_told_also_where_its_details_cannot_be_kept(
    lacking: Callable[[pytest.MonkeyPatch, Path], None],
    paceline: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    lacking(monkeypatch, tmp_path)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(main.tempfile, "tempdir", str(temporary))
    monkeypatch.setattr(main, "load", _raising(ValueError("boom")))
    code, _, err = paceline("get")
    (details,) = temporary.iterdir()
    assert code == ExitCode.FAILED
    assert f"the details are in {details}" in err
    assert details.stat().st_mode & 0o077 == 0
    monkeypatch.setattr(main.tempfile, "tempdir", str(tmp_path / "nowhere"))
    code, _, err = paceline("get")
    assert code == ExitCode.FAILED
    assert "does not know (ValueError: boom)" in err
    assert "no file could be written; report this with the command you ran" in err


def test_the_details_hold_also_arguments_that_are_no_text(
    paceline: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(main, "load", _raising(ValueError("boom")))
    assert paceline("get", "\udcff")[0] == ExitCode.FAILED
    (details,) = (tmp_path / "paceline" / "errors").iterdir()
    assert details.read_text().startswith("paceline get \\udcff\n")


def test_fail_carries_message_remedy_and_code(paceline: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(name: str, entry: main.Entry) -> None:
        fail("replicas is -1.", "use 0 or more", ExitCode.NOT_READY)

    monkeypatch.setattr(main, "load", failing)
    assert paceline("get") == (4, "", "error: replicas is -1.\ntry:   use 0 or more\n")


def _raising(error: BaseException) -> Callable[..., None]:
    def load(name: str, entry: main.Entry) -> None:
        raise error

    return load
