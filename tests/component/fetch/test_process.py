"""`paceline fetch` as a pod runs it: exit codes, last words, signals, and no way home."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from paceline.api.source import Report
from tests.support.hub import Hub
from tests.support.modelfiles import TEMPLATE, model
from tests.support.waiting import wait_until
from tests.support.webserver import Asked, Reply, serving, times

URI = "hf://org/model"
#: The one address that the tests' own servers have; 127.0.0.2 and all others stay forbidden.
ALLOWED = ("--allow-network", "127.0.0.1/32")
TOKEN = "hf_canaryCANARYcanary1234"


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    report: Report
    everything: str


def start(*arguments: str, environment: Mapping[str, str] | None = None, **source: object) -> subprocess.Popen[str]:
    given = [json.dumps({"name": "base", "uri": URI, **source})] if source or not arguments else []
    line = [sys.executable, "-m", "paceline", "fetch", *(f"--source={each}" for each in given), *arguments]
    return subprocess.Popen(
        line,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {}), "HOME": "/nonexistent"},
    )


def end(process: subprocess.Popen[str]) -> Ended:
    out, err = process.communicate(timeout=60)
    assert out, err
    return Ended(process.returncode, Report.model_validate_json(out), out + err)


def run(*arguments: str, **source: object) -> Ended:
    return end(start(*arguments, **{"uri": URI, **source}))


def test_success_is_0_and_the_report_is_on_stdout_and_in_the_file(there: Hub, tmp_path: Path) -> None:
    commit = there.repository().commit(model())
    last = tmp_path / "last-words"
    last.touch()
    ended = run("--into", str(tmp_path / "models"), "--report", str(last), *ALLOWED)
    assert ended.code == 0, ended.everything
    assert ended.report.found["base"].commit == commit
    assert Report.model_validate_json(last.read_text()) == ended.report
    assert (tmp_path / "models" / "base" / "model.safetensors").is_file()


def test_what_a_person_must_mend_is_3_and_a_report(there: Hub, tmp_path: Path) -> None:
    there.repository().commit(model())
    last = tmp_path / "last-words"
    ended = run("--report", str(last), *ALLOWED, uri="hf://org/absent")
    assert ended.code == 3
    assert ended.report.failure is not None
    assert ended.report.failure.reason == "SourceNotFound"
    assert last.read_text().strip() in ended.everything


def test_what_may_pass_is_1(there: Hub) -> None:
    there.repository().commit(model())
    there.api.rules.append(times(100, "/api", status=302, headers={"Location": "http://127.0.0.1:1/x"}))
    process = start(*ALLOWED, uri=URI)
    wait_until(lambda: len(there.api.asked) >= 2, 30, "it is tried again", 0.05)
    process.send_signal(signal.SIGTERM)
    ended = end(process)
    assert ended.code == 1
    assert ended.report.failure is not None
    assert ended.report.failure.retry


def test_nonsense_is_reported_in_words_too() -> None:
    ended = end(start("--source", "no json"))
    assert ended.code == 3
    assert ended.report.failure is not None
    assert "command line" in ended.report.failure.message
    assert "Traceback" not in ended.everything


def test_the_expected_chat_template_is_a_file(there: Hub, tmp_path: Path) -> None:
    there.repository().commit(model())
    expected = tmp_path / "expected.jinja"
    expected.write_text(TEMPLATE.replace("content", "text"))
    ended = run("--chat-template", str(expected), *ALLOWED)
    assert (ended.report.found["base"].chat_template_difference or "").startswith("line 2:")


SPELT = ["127.0.0.2", "127.2", "0x7f.2", "2130706434", "0177.0.0.2", "[::ffff:127.0.0.2]", "[::1]"]


@pytest.mark.parametrize(
    ("what", "host"), [*(("store", host) for host in SPELT), ("api", "127.0.0.2"), ("api", "0177.0.0.2")]
)
def test_redirects_home_are_refused_however_they_are_spelt(there: Hub, what: str, host: str) -> None:
    there.repository().commit(model())
    with serving(lambda _: Reply(body=b"{}"), host="127.0.0.2") as home:
        target = f"http://{host}:{home.port}/secret"
        where = "/api" if what == "api" else "/resolve/"
        there.api.rules.append(times(100, where, status=302, body=b"", headers={"Location": target}))
        ended = run(*ALLOWED)
    assert ended.code == 3, ended.everything
    assert ended.report.failure is not None
    assert ended.report.failure.reason == "SourceRefused"
    assert home.asked == []


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "ftp://h/x"])
def test_redirects_to_metadata_and_other_schemes_are_refused(there: Hub, target: str) -> None:
    there.repository().commit(model())
    there.api.rules.append(times(100, "/resolve/", status=302, body=b"", headers={"Location": target}))
    ended = run(*ALLOWED)
    assert ended.code == 3, ended.everything
    assert ended.report.failure is not None
    assert ended.report.failure.reason == "SourceRefused"
    assert "169.254" not in ended.everything


def test_without_the_option_this_machine_is_refused(there: Hub) -> None:
    there.repository().commit(model())
    ended = run()
    assert ended.code == 3
    assert ended.report.failure is not None
    assert ended.report.failure.reason == "SourceRefused"
    assert there.api.asked == []


@pytest.mark.parametrize("fault", ["none", "401", "500", "redirect", "names", "echo"])
def test_a_token_is_in_no_word_and_on_no_other_host(there: Hub, tmp_path: Path, fault: str) -> None:
    there.repository(token=TOKEN).commit(model())
    secret = tmp_path / "token"
    secret.write_text(TOKEN)
    other = there.store.url
    headers = {"Location": f"{other}/blobs/{TOKEN}?token={TOKEN}"} if fault == "redirect" else {}
    if fault == "401":
        there.api.rules.append(times(100, "/resolve/", status=401, body=TOKEN.encode()))
    elif fault == "500":
        there.api.rules.append(times(100, "/resolve/", status=400, body=TOKEN.encode()))
    elif fault == "redirect":
        there.api.rules.append(times(100, "/", status=302, body=b"", headers=headers, ranges=False))
    elif fault == "names":
        there.repository(token=TOKEN).commit({f"{TOKEN}.gguf": b"x", "b.gguf": b"x"})
    elif fault == "echo":
        there.api.rules.append(times(100, "/api", body=b'{"sha": "' + TOKEN.encode() + b'"}'))
    ended = run(*ALLOWED, "--into", str(tmp_path / "models"), secretFile=str(secret))
    assert ended.code == (0 if fault == "none" else 3), ended.everything
    assert TOKEN not in ended.everything
    assert not [each for each in there.store.asked if "authorization" in each.headers]
    assert TOKEN not in "".join(
        path.read_text("latin-1") for path in (tmp_path / "models").rglob("*") if path.is_file()
    )


def hanging(asked: Asked, reply: Reply) -> Reply:
    """A rule: weights stop in the middle."""
    begin = asked.headers.get("range", "")
    return reply if begin.startswith("bytes=0-") else Reply(reply.status, reply.body, reply.headers, pause=3_000_000)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_fetch_leaves_no_model_and_is_resumed(there: Hub, tmp_path: Path, number: signal.Signals) -> None:
    files = model(rows=50_000)
    there.repository().commit(files)
    there.store.rules.append(hanging)
    models = tmp_path / "models"
    process = start(*ALLOWED, "--into", str(models), uri=URI)

    def size() -> int:
        return next((path.stat().st_size for path in models.glob(".*/model.safetensors.part")), 0)

    wait_until(lambda: size() >= 2_900_000, 30, "most of what there is was written", 0.05)
    process.send_signal(number)
    out, _ = process.communicate(timeout=5)
    assert not (models / "base").exists()
    if number == signal.SIGTERM:
        report = Report.model_validate_json(out)
        assert process.returncode == 1
        assert report.failure is not None
        assert report.failure.reason == "Interrupted"
        assert not list(models.glob(".*.lock")), "the next one need not wait"
    else:
        (lock,) = models.glob(".*.lock")
        lock.unlink()  # it would be taken over after a minute; test_hub_download.py has that
    there.store.rules.clear()
    there.store.asked.clear()
    assert run(*ALLOWED, "--into", str(models)).code == 0
    (resumed,) = (each for each in there.store.asked if not each.headers["range"].startswith("bytes=0-"))
    assert int(resumed.headers["range"].removeprefix("bytes=").removesuffix("-")) >= 2_900_000
    assert (models / "base" / "model.safetensors").read_bytes() == files["model.safetensors"]


def test_several_sources_are_told_apart(there: Hub, tmp_path: Path) -> None:
    there.repository().commit(model())
    adapter = {"adapter_config.json": b"{}", "adapter_model.safetensors": model(rows=3)["model.safetensors"]}
    there.repository("org/lora").commit(adapter)
    both = [json.dumps({"name": name, "uri": uri}) for name, uri in (("base", URI), ("adapter-a", "hf://org/lora"))]
    ended = end(start("--source", both[0], "--source", both[1], "--into", str(tmp_path), *ALLOWED))
    assert ended.code == 0, ended.everything
    assert set(ended.report.found) == {"base", "adapter-a"}
    assert (tmp_path / "adapter-a" / "adapter_model.safetensors").is_file()
    bad = json.dumps({"name": "adapter-b", "uri": "hf://org/absent"})
    ended = end(start("--source", both[0], "--source", bad, *ALLOWED))
    assert ended.report.failure is not None
    assert ended.report.failure.message.startswith("adapter-b: ")


def test_a_report_that_cannot_be_written_is_still_on_stdout(there: Hub, tmp_path: Path) -> None:
    there.repository().commit(model())
    ended = run(*ALLOWED, "--report", str(tmp_path / "absent" / "file"))
    assert ended.code == 0
    assert "could not be written" in ended.everything
