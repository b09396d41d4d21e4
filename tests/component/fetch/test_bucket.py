"""Models in a bucket of S3."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paceline.api.source import Report
from paceline.fetch import bucket
from tests.support.modelfiles import llama_gguf, model, sharded
from tests.support.s3 import CREDENTIALS, SECRET, Store, store
from tests.support.webserver import Reply, serving

Run = Callable[..., Report]
URI = "s3://models/llama"


@pytest.fixture(scope="module")
def server() -> Iterator[Store]:
    with store() as made:
        yield made


@pytest.fixture
def there(server: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty bucket that AWS_ENDPOINT_URL leads to."""
    for item in server.client.list_objects_v2(Bucket="models").get("Contents", ()):
        server.client.delete_object(Bucket="models", Key=item["Key"])
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    return server


@pytest.fixture
def keys(tmp_path: Path) -> str:
    path = tmp_path / "credentials"
    path.write_text(CREDENTIALS)
    return str(path)


def expect(report: Report, reason: str) -> str:
    assert report.failure is not None
    assert report.failure.reason == reason, report.failure
    return report.failure.message


def test_a_folder_is_resolved_to_a_digest(there: Store, fetch: Run, keys: str) -> None:
    files = model()
    there.put(files)
    there.put({"other": b"x"}, prefix="llama-2/")
    found = fetch(URI, secret_file=keys).found["base"]
    assert found.commit.startswith("sha256:")
    assert found.parameters == 64_064
    assert found.bytes == sum(len(body) for name, body in files.items() if name != "README.md")
    assert fetch(f"{URI}/", secret_file=keys).found["base"] == found
    there.put({"log.txt.gz": b"not of the model"})
    assert fetch(URI, secret_file=keys).found["base"] == found


def test_the_digest_changes_with_the_weights(there: Store, fetch: Run, keys: str) -> None:
    there.put(model())
    old = fetch(URI, secret_file=keys).found["base"].commit
    weights = model()["model.safetensors"]
    there.put({"model.safetensors": weights[:-1] + b"!"})
    assert fetch(URI, secret_file=keys).found["base"].commit != old
    expect(fetch(URI, secret_file=keys, commit=old), "SourceChanged")


def test_the_tokenizer_has_the_same_digest_wherever_it_is_kept(
    there: Store, fetch: Run, keys: str, tmp_path: Path
) -> None:
    there.put(model())
    folder = tmp_path / "volume"
    folder.mkdir()
    for name, body in model().items():
        (folder / name).write_bytes(body)
    here = fetch(f"file://{folder}").found["base"]
    assert fetch(URI, secret_file=keys).found["base"].tokenizer_digest == here.tokenizer_digest


def test_files_are_brought_and_checked(there: Store, fetch: Run, keys: str, tmp_path: Path) -> None:
    files = sharded()
    there.put(files)
    assert fetch(URI, tmp_path / "models", secret_file=keys).failure is None
    for name in set(files) - {"README.md"}:
        assert (tmp_path / "models" / "base" / name).read_bytes() == files[name]


@pytest.mark.parametrize("arguments", [{}, {"ChecksumAlgorithm": "SHA256"}])
def test_a_damaged_rest_is_noticed_by_md5_and_by_sha256(
    there: Store, fetch: Run, keys: str, tmp_path: Path, arguments: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = model(rows=50_000)
    there.put(files, **arguments)
    algorithms = []
    plain = bucket.Bucket.describe

    def describe(self: bucket.Bucket, file: bucket.File) -> bucket.File:
        found = plain(self, file)
        algorithms.append(found.digest.algorithm if found.digest else None)
        return found

    monkeypatch.setattr(bucket.Bucket, "describe", describe)
    monkeypatch.setattr(bucket, "_PIECE_BYTES", 1_000_000)
    into = tmp_path / "models"
    commit = fetch(URI, secret_file=keys).found["base"].commit
    leave_rest(into, commit, b"damaged" * 1000)
    assert fetch(URI, into, secret_file=keys, commit=commit).failure is None
    assert (into / "base" / "model.safetensors").read_bytes() == files["model.safetensors"]
    assert set(algorithms) == {"sha256" if arguments else "md5"}


def leave_rest(into: Path, commit: str, rest: bytes) -> None:
    """What a fetch that was killed leaves."""
    key = hashlib.sha256("\0".join((URI, "", commit)).encode()).hexdigest()[:16]
    partial = into / f".base-{key}.partial"
    partial.mkdir(parents=True)
    (partial / "model.safetensors.part").write_bytes(rest)


def test_a_rest_is_gone_on_from(there: Store, fetch: Run, keys: str, tmp_path: Path) -> None:
    files = model(rows=50_000)
    there.put(files)
    into = tmp_path / "models"
    commit = fetch(URI, secret_file=keys).found["base"].commit
    leave_rest(into, commit, files["model.safetensors"][:5_000_000])
    starts: list[int] = []
    plain = bucket.Bucket.stream
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            bucket.Bucket, "stream", lambda self, file, start: starts.append(start) or plain(self, file, start)
        )
        assert fetch(URI, into, secret_file=keys, commit=commit).failure is None
    assert 5_000_000 in starts
    assert (into / "base" / "model.safetensors").read_bytes() == files["model.safetensors"]


def test_an_object_that_changes_under_way_is_noticed(
    there: Store, fetch: Run, keys: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.put(model(rows=50_000))
    monkeypatch.setattr(bucket, "_PIECE_BYTES", 1_000_000)
    plain = bucket.Bucket.read

    def read(self: bucket.Bucket, file: bucket.File, start: int, length: int) -> bytes:
        if start == 3_000_000:
            there.put({"model.safetensors": model(rows=50_001)["model.safetensors"]})
        return plain(self, file, start, length)

    monkeypatch.setattr(bucket.Bucket, "read", read)
    expect(fetch(URI, tmp_path / "models", secret_file=keys), "SourceChanged")
    assert not (tmp_path / "models" / "base").exists()


def test_multipart_objects_have_no_md5_and_come_all_the_same(
    there: Store, fetch: Run, keys: str, tmp_path: Path
) -> None:
    files = model(rows=100_000)
    body = files.pop("model.safetensors")
    there.put(files)
    upload = there.client.create_multipart_upload(Bucket="models", Key="llama/model.safetensors")["UploadId"]
    half = 6 * 1024 * 1024
    made = []
    for number, data in enumerate((body[:half], body[half:]), 1):
        arguments = {"Bucket": "models", "Key": "llama/model.safetensors", "UploadId": upload, "PartNumber": number}
        made.append({"PartNumber": number, "ETag": there.client.upload_part(Body=data, **arguments)["ETag"]})
    there.client.complete_multipart_upload(
        Bucket="models", Key="llama/model.safetensors", UploadId=upload, MultipartUpload={"Parts": made}
    )
    assert fetch(URI, tmp_path / "models", secret_file=keys).failure is None
    assert (tmp_path / "models" / "base" / "model.safetensors").read_bytes() == body


def test_an_empty_file_is_a_file(there: Store, fetch: Run, keys: str, tmp_path: Path) -> None:
    there.put({**model(), "merges.txt": b""})
    assert fetch(URI, tmp_path / "models", secret_file=keys).failure is None
    assert (tmp_path / "models" / "base" / "merges.txt").read_bytes() == b""


def test_the_address_may_be_that_of_a_gguf(there: Store, fetch: Run, keys: str) -> None:
    there.put({"a.gguf": llama_gguf(), "b.gguf": llama_gguf(), "config.json": b"{}"})
    found = fetch(f"{URI}/a.gguf", secret_file=keys).found["base"]
    assert found.dtype == "Q4_K"
    assert found.bytes == len(llama_gguf())


@pytest.mark.parametrize("uri", ["s3://absent/llama", "s3://models/absent"])
def test_what_does_not_exist_is_not_found(there: Store, fetch: Run, keys: str, uri: str) -> None:
    there.put(model())
    expect(fetch(uri, secret_file=keys), "SourceNotFound")


@pytest.mark.parametrize(
    "text",
    ["", "[default]\n", "no ini", "[other]\naws_access_key_id=x\n", "[default]\ncredential_process = touch /x\n"],
)
def test_a_secret_without_keys_is_told_without_its_text(there: Store, fetch: Run, tmp_path: Path, text: str) -> None:
    path = tmp_path / "credentials"
    path.write_text(text + "# " + SECRET)
    assert SECRET not in expect(fetch(URI, secret_file=str(path)), "SourceUnauthorized")


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (403, "AccessDenied", "SourceUnauthorized"),
        (403, "SignatureDoesNotMatch", "SourceUnauthorized"),
        (301, "PermanentRedirect", "SourceRefused"),
        (503, "SlowDown", "SourceUnreachable"),
        (500, "InternalError", "SourceUnreachable"),
        (400, "SomethingNew", "SourceUnreachable"),
    ],
)
def test_errors_of_a_store_have_their_reasons(
    fetch: Run, keys: str, monkeypatch: pytest.MonkeyPatch, status: int, code: str, reason: str
) -> None:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{SECRET}</Message></Error>".encode()
    monkeypatch.setattr("s3fs.S3FileSystem.retries", 1)
    with serving(lambda _: Reply(status, body, {"Content-Type": "application/xml"})) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        assert SECRET not in expect(fetch(URI, secret_file=keys), reason)


def test_without_a_secret_nothing_is_signed(fetch: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFTHEPODOFTHEPOD")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the pod")
    with serving(lambda _: Reply(403, b"")) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        expect(fetch(URI), "SourceUnauthorized")
        assert server.asked
        assert not [each for each in server.asked if "authorization" in each.headers]


def test_a_listing_without_end_is_cut_short(there: Store, fetch: Run, keys: str) -> None:
    page = "".join(
        f"<Contents><Key>llama/{number}.txt</Key><Size>1</Size><ETag>x</ETag></Contents>" for number in range(1000)
    )
    pages = iter(range(10**6))

    def answer(_: object) -> Reply:
        keys = page.replace("llama/", f"llama/{next(pages)}-")
        text = (
            f"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>{keys}"
        )
        return Reply(200, f"{text}</ListBucketResult>".encode(), {"Content-Type": "application/xml"}, ranges=False)

    with serving(answer) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", server.url)
        expect(fetch(URI, secret_file=keys), "SourceInvalid")
        assert len(server.asked) < 20
