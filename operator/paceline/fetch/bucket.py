"""s3://bucket/folder, on S3 or a store like it that AWS_ENDPOINT_URL names."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from paceline.api.source import Source
from paceline.errors import PacelineError, Stalled
from paceline.fetch.place import MOST_FILES, Digest, File, Listing, listing
from paceline.fetch.reasons import NOT_FOUND, REFUSED, UNAUTHORIZED, Unreachable, cause, changed, invalid
from paceline.fetch.secret import Keys

#: Objects are read in pieces of this size; each asks for the version that was listed.
_PIECE_BYTES = 16 * 1024 * 1024
_MD5_LENGTH = 32
#: Encrypted with a key of its own, an object's ETag is no MD5.
_ETAG_IS_MD5 = (None, "AES256")
_UNAUTHORIZED = frozenset({
    "AccessDenied", "403", "401", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken",
    "RequestTimeTooSkewed", "AllAccessDisabled", "AccountProblem",
})  # fmt: skip
_ELSEWHERE = frozenset(
    {"PermanentRedirect", "301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
_NOT_FOUND = frozenset({"NoSuchBucket", "NoSuchKey", "404"})
_CHANGED = frozenset({"PreconditionFailed", "412", "InvalidRange", "416"})


class Bucket:
    """One folder of a bucket."""

    remote = True

    def __init__(self, source: Source, keys: Keys | None) -> None:
        # A pod's own cloud identity is never used: it is not the tenant's.
        os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
        # Imported here: a second of imports that only s3 pays.
        from s3fs import S3FileSystem  # type: ignore[import-untyped]  # noqa: PLC0415

        self._bucket, _, self._prefix = source.uri.removeprefix("s3://").rstrip("/").partition("/")
        self._system = S3FileSystem(
            anon=keys is None,
            key=keys.key if keys else None,
            secret=keys.secret if keys else None,
            token=keys.token if keys else None,
            endpoint_url=os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"),
            client_kwargs={"region_name": (keys.region if keys else None) or os.environ.get("AWS_REGION")},
            config_kwargs={"connect_timeout": 10, "read_timeout": 30, "retries": {"max_attempts": 1}},
            skip_instance_cache=True,
        )

    def close(self) -> None:
        """Connections end with the process: their loop runs in a thread of fsspec."""

    def look(self) -> Listing:
        """The objects of the folder, those of its subfolders too."""
        prefix = f"{self._prefix}/" if self._prefix else ""
        found: list[File] = []
        more: dict[str, Any] = {}
        while True:
            page = self._call("list_objects_v2", Prefix=prefix, **more)
            for item in page.get("Contents", ()):
                name = item["Key"][len(prefix) :]
                if name and not name.endswith("/"):
                    found.append(File(name, item["Size"], item["ETag"].strip('"')[:200]))
            if not page.get("IsTruncated") or len(found) > MOST_FILES:
                break
            more = {"ContinuationToken": page["NextContinuationToken"]}
        if not found:
            raise Stalled(NOT_FOUND, f"bucket {self._bucket} has nothing below {prefix[:200]!r}. Correct uri.")
        return listing(found)

    def describe(self, file: File) -> File:
        """The same with a SHA-256 that was stored with it, or the MD5 that the ETag of a single upload is."""
        head = self._call("head_object", Key=self._key(file), IfMatch=f'"{file.version}"', ChecksumMode="ENABLED")
        checksum = head.get("ChecksumSHA256", "")
        if checksum and "-" not in checksum and head.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT":
            return replace(file, digest=Digest("sha256", _hex(checksum)))
        plain = head.get("ServerSideEncryption") in _ETAG_IS_MD5 and "SSECustomerAlgorithm" not in head
        if plain and len(file.version) == _MD5_LENGTH:
            return replace(file, digest=Digest("md5", file.version.lower()))
        return file

    def read(self, file: File, start: int, length: int) -> bytes:
        """A range of an object, of the version that was listed."""
        end = min(start + length, file.size)
        if end <= start:
            return b""
        data = self._call(
            "get_object", Key=self._key(file), IfMatch=f'"{file.version}"', Range=f"bytes={start}-{end - 1}"
        )
        if len(data) != end - start:
            raise Unreachable(f"bucket {self._bucket} sent {len(data)} of {end - start} bytes. It is tried again.")
        return bytes(data)

    def stream(self, file: File, start: int) -> Iterator[bytes]:
        """An object to its end, piece by piece."""
        for begin in range(start, file.size, _PIECE_BYTES):
            yield self.read(file, begin, _PIECE_BYTES)

    def _key(self, file: File) -> str:
        return f"{self._prefix}/{file.name}" if self._prefix else file.name

    def _call(self, method: str, **arguments: Any) -> Any:
        """One call of S3; the body where it has one."""
        from fsspec.asyn import sync  # type: ignore[import-untyped]  # noqa: PLC0415
        from fsspec.exceptions import FSTimeoutError  # type: ignore[import-untyped]  # noqa: PLC0415

        try:
            return sync(self._system.loop, self._answer, method, arguments)
        except FSTimeoutError as error:
            raise Unreachable(f"bucket {self._bucket} did not answer in time. It is tried again.") from error
        except Exception as error:
            raise self._translate(error) from error

    async def _answer(self, method: str, arguments: dict[str, Any]) -> Any:
        answer = await self._system._call_s3(method, Bucket=self._bucket, **arguments)
        if "Body" not in answer:
            return answer
        async with answer["Body"] as body:
            wanted = arguments["Range"].removeprefix("bytes=").split("-")
            if answer["ContentLength"] > int(wanted[1]) - int(wanted[0]) + 1:
                raise invalid(f"bucket {self._bucket} answers with more than the range it was asked for.")
            return await body.read()

    def _translate(self, error: Exception) -> PacelineError:
        return cause(error) or _stalled(error, f"bucket {self._bucket}") or self._unreachable(error)

    def _unreachable(self, error: Exception) -> Unreachable:
        why = _code(error) or type(error).__name__
        return Unreachable(f"bucket {self._bucket} could not be read ({why}). It is tried again.")


def _stalled(error: Exception, where: str) -> Stalled | None:
    """What will not get better by itself; None: it may."""
    code = _code(error)
    found: Stalled | None = None
    if code in _UNAUTHORIZED or (not code and isinstance(error, PermissionError)):
        message = (
            f"{where} refuses access ({code or 'no credentials'}). Name a secret with secretRef that holds an AWS "
            "credentials file whose keys may list and read it."
        )
        found = Stalled(UNAUTHORIZED, message)
    elif code in _NOT_FOUND:
        found = Stalled(NOT_FOUND, f"{where} or a file in it does not exist ({code}). Correct uri.")
    elif code in _CHANGED:
        found = changed(f"{where} has another version of a file")
    elif code in _ELSEWHERE or isinstance(error, RecursionError):
        # botocore follows a redirect that names no region until Python stops it.
        found = Stalled(REFUSED, f"{where} lies in another region. Name it as region in the credentials file.")
    elif "CERTIFICATE_VERIFY_FAILED" in str(error):
        found = Stalled(REFUSED, f"the certificate of the store of {where} is not to be trusted. Correct it.")
    elif isinstance(error, ValueError) and not code:
        found = invalid(f"{where} cannot be asked for ({type(error).__name__}). Correct uri or AWS_ENDPOINT_URL.")
    return found


def _code(error: BaseException | None) -> str:
    """S3's own error code, from wherever s3fs put botocore's error."""
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))[:64]
        error = error.__cause__
    return ""


def _hex(text: str) -> str:
    return base64.b64decode(text).hex()
