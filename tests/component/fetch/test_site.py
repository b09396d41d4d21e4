"""Models on a plain web server."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paceline.api.source import Report
from paceline.fetch.deliver import MARKER
from tests.support.modelfiles import llama_gguf, model, safetensors, sharded
from tests.support.webserver import Asked, Reply, WebServer, files, serving, times

Run = Callable[..., Report]


@pytest.fixture
def there() -> Iterator[WebServer]:
    with serving(lambda _: Reply(404)) as server:
        yield server


def expect(report: Report, reason: str) -> str:
    assert report.failure is not None
    assert report.failure.reason == reason, report.failure
    return report.failure.message


def put(server: WebServer, content: dict[str, bytes]) -> str:
    """Serve files below /m; the address of that."""
    server.answer = files({f"m/{name}": body for name, body in content.items()})
    return f"{server.url}/m"


def sums(content: dict[str, bytes]) -> bytes:
    """What sha256sum writes."""
    lines = (f"{hashlib.sha256(body).hexdigest()}  ./{name}\n" for name, body in content.items())
    return "".join(lines).encode()


@pytest.mark.parametrize("content", [model(), sharded()], ids=["one file", "shards"])
def test_a_folder_is_resolved_and_brought(
    there: WebServer, fetch: Run, tmp_path: Path, content: dict[str, bytes]
) -> None:
    uri = put(there, content)
    found = fetch(uri).found["base"]
    assert found.commit.startswith("sha256:")
    assert found.parameters
    assert fetch(uri, tmp_path, commit=found.commit).found["base"] == found
    there_now = {path.name for path in (tmp_path / "base").iterdir()}
    assert there_now == set(content) - {"README.md"} | {MARKER}


def test_names_of_sha256sums_are_brought_and_checked(there: WebServer, fetch: Run, tmp_path: Path) -> None:
    content = {**model(), "extra_vocabulary.txt": b"a\nb\n"}
    uri = put(there, {**content, "SHA256SUMS": sums(content)})
    assert fetch(uri, tmp_path / "good").failure is None
    assert (tmp_path / "good" / "base" / "extra_vocabulary.txt").is_file()
    weights = content["model.safetensors"]
    uri = put(there, {**content, "model.safetensors": weights[:-1] + b"!", "SHA256SUMS": sums(content)})
    assert "model.safetensors" in expect(fetch(uri, tmp_path / "bad"), "DigestMismatch")
    assert not (tmp_path / "bad" / "base").exists()


def test_sums_that_lead_out_are_refused(there: WebServer, fetch: Run) -> None:
    uri = put(there, {**model(), "SHA256SUMS": b"0" * 64 + b"  ../../etc/passwd.json\n"})
    expect(fetch(uri), "SourceRefused")


def test_the_address_may_be_that_of_a_gguf(there: WebServer, fetch: Run, tmp_path: Path) -> None:
    uri = put(there, {"a.gguf": llama_gguf(), "config.json": b"{}"})
    found = fetch(f"{uri}/a.gguf", tmp_path).found["base"]
    assert found.dtype == "Q4_K"
    assert (tmp_path / "base" / "a.gguf").read_bytes() == llama_gguf()


def test_a_split_gguf_is_found_by_its_first_part(there: WebServer, fetch: Run) -> None:
    parts = {f"a-{number:05d}-of-00002.gguf": llama_gguf() for number in (1, 2)}
    found = fetch(put(there, parts), file="a-00001-of-00002.gguf").found["base"]
    assert found.weight_bytes == 2 * len(llama_gguf())
    del parts["a-00002-of-00002.gguf"]
    expect(fetch(put(there, parts), file="a-00001-of-00002.gguf"), "SourceInvalid")


def test_an_adapter_is_found_by_its_names(there: WebServer, fetch: Run) -> None:
    content = {"adapter_config.json": b"{}", "adapter_model.safetensors": safetensors({"a": ("F16", (2, 2))})}
    assert fetch(put(there, content), name="adapter-x").found["adapter-x"].parameters == 4


def test_files_that_change_between_are_noticed(there: WebServer, fetch: Run, tmp_path: Path) -> None:
    content = model(rows=50_000)
    commit = fetch(put(there, content)).found["base"].commit
    changed = {**content, "model.safetensors": content["model.safetensors"][:-1] + b"!"}
    expect(fetch(put(there, changed), commit=commit), "SourceChanged")
    put(there, content)
    weights = iter(range(1000))

    def late(asked: Asked, reply: Reply) -> Reply:
        whole = asked.path.endswith("model.safetensors") and "range" not in asked.headers
        if whole and next(weights) == 0:
            put(there, changed)
            return Reply(reply.status, reply.body, reply.headers, cut=2_000_000)
        return reply

    there.rules.append(late)
    expect(fetch(f"{there.url}/m", tmp_path, commit=commit), "SourceChanged")
    assert not (tmp_path / "base").exists()


def test_a_page_for_every_name_is_no_model(there: WebServer, fetch: Run) -> None:
    there.answer = lambda _: Reply(body=b"<html>Not found</html>", headers={"Content-Type": "text/html; charset=x"})
    expect(fetch(f"{there.url}/m"), "SourceNotFound")


def test_sums_of_a_whole_archive_are_refused(there: WebServer, fetch: Run) -> None:
    many = b"".join(b"0" * 64 + b"  %d.json\n" % number for number in range(2001))
    assert "SHA256SUMS" in expect(fetch(put(there, {**model(), "SHA256SUMS": many})), "SourceInvalid")


def test_sums_of_files_that_no_engine_reads_are_not_asked_for(there: WebServer, fetch: Run) -> None:
    many = b"".join(b"0" * 64 + b"  %d.py\n" % number for number in range(2001))
    assert fetch(put(there, {**model(), "SHA256SUMS": many})).failure is None
    assert not [path for path in there.paths() if path.endswith(".py")]


def test_an_empty_file_is_a_file(there: WebServer, fetch: Run, tmp_path: Path) -> None:
    assert fetch(put(there, {**model(), "merges.txt": b""}), tmp_path).failure is None
    assert (tmp_path / "base" / "merges.txt").read_bytes() == b""


def test_an_empty_server_has_no_model(there: WebServer, fetch: Run) -> None:
    expect(fetch(f"{there.url}/m"), "SourceNotFound")
    expect(fetch(put(there, {"config.json": b"{}"})), "SourceInvalid")


def test_a_server_that_compresses_is_refused(there: WebServer, fetch: Run) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    there.answer = lambda _: Reply(body=bomb, headers={"Content-Encoding": "gzip"})
    assert "compresses" in expect(fetch(f"{there.url}/m"), "SourceInvalid")


def test_a_server_that_does_not_say_how_long_files_are_is_refused(there: WebServer, fetch: Run) -> None:
    there.answer = lambda _: Reply(body=b"", headers={"Content-Length": "0"}, ranges=False)
    there.rules.append(lambda _, reply: Reply(206, b"{", {"Content-Range": "bytes 0-0/*"}, ranges=False))
    assert "how large" in expect(fetch(f"{there.url}/m"), "SourceInvalid")


def test_redirects_have_an_end(there: WebServer, fetch: Run) -> None:
    there.answer = lambda asked: Reply(302, headers={"Location": asked.path + "x"})
    assert "redirects more than" in expect(fetch(f"{there.url}/m"), "SourceRefused")


def test_another_range_than_was_asked_for_is_not_taken(there: WebServer, fetch: Run) -> None:
    uri = put(there, model())
    wrong = {"Content-Range": "bytes 5-9/100"}
    there.rules.append(times(100, "config.json", status=206, body=b"12345", headers=wrong))
    report = fetch(uri)
    expect(report, "SourceUnreachable")


def test_a_status_without_meaning_is_invalid(there: WebServer, fetch: Run) -> None:
    there.answer = lambda _: Reply(418)
    assert "418" in expect(fetch(f"{there.url}/m"), "SourceInvalid")


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("model.safetensors", b"\xff" * 8 + b"{}", "bytes"),
        ("model.safetensors", b"short", "5 bytes"),
        ("model.safetensors", (16 * 2**20 + 1).to_bytes(8, "little") + b"{" * 100, "header would have"),
        ("model.safetensors", (10_000).to_bytes(8, "little") + b"{}", "ends within"),
        ("model.safetensors", (50_000).to_bytes(8, "little") + b"[" * 50_000, "cannot be read"),
        ("model.safetensors", safetensors({"a": ("F32", (100,))})[:-10], "shorter"),
        ("config.json", b"[" * 100_000, "no JSON"),
        ("config.json", b"[]", "no JSON object"),
        ("config.json", b'{"a": ' + b"9" * 5000 + b"}", "no JSON"),
        ("config.json", b"{" + b" " * 9 * 2**20 + b"}", "more than"),
        ("tokenizer_config.json", b"nonsense", "no JSON"),
        ("chat_template.jinja", b"x" * (2**20 + 1), "more than"),
    ],
)
def test_files_that_lie_are_invalid(there: WebServer, fetch: Run, name: str, body: bytes, words: str) -> None:
    message = expect(fetch(put(there, {**model(), name: body})), "SourceInvalid")
    assert words in message
    assert name in message


def test_a_header_that_claims_the_moon_is_invalid(there: WebServer, fetch: Run) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 4]}}).encode()
    body = len(header).to_bytes(8, "little") + header + b"0000"
    assert "cannot be" in expect(fetch(put(there, {**model(), "model.safetensors": body})), "SourceInvalid")


@pytest.mark.parametrize("index", [b"{}", b"[]", b"no", b'{"weight_map": {}}', b'{"weight_map": {"a": "x.bin"}}'])
def test_an_index_that_is_none_is_invalid(there: WebServer, fetch: Run, index: bytes) -> None:
    uri = put(there, {**model(), "model.safetensors.index.json": index})
    assert "index" in expect(fetch(uri), "SourceInvalid")


def test_a_header_that_is_long_is_read_to_its_end(there: WebServer, fetch: Run) -> None:
    many = safetensors({f"layer.{number}.{'x' * 100}": ("F32", (1,)) for number in range(3000)})
    assert fetch(put(there, {**model(), "model.safetensors": many})).found["base"].parameters == 3000
