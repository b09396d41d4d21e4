"""hf://organisation/name: a repository of the Hugging Face Hub, or of a mirror that HF_ENDPOINT names.

The official client looks the revision up and builds the addresses. Files are read by our own client, which resumes,
bounds and checks what it gets. Xet is off: it is not Python, so neither the guard nor the progress would see it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from paceline.api.source import Source
from paceline.errors import PacelineError, Stalled
from paceline.fetch.place import Digest, File, Listing, listing
from paceline.fetch.reasons import NOT_FOUND, UNAUTHORIZED, changed, invalid
from paceline.fetch.web import Web, connection_error, host, status_error

#: Read by the client when it is imported: no telemetry, no token of this machine, no cache, no bars, no Xet.
SETTINGS = {
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
}
_ENDPOINT = "https://huggingface.co"
_SECONDS = 30.0
#: The description of a repository with ten thousand files is about 3 MB.
_MOST_ANSWER_BYTES = 16 * 1024 * 1024
_SHA256_LENGTH = 64
_SHA1_LENGTH = 40


class Hub:
    """One repository."""

    remote = True

    def __init__(self, source: Source, token: str | None) -> None:
        os.environ.update(SETTINGS)
        # Imported here, so that the settings above are read and nobody else pays for it.
        from huggingface_hub import HfApi, set_client_factory  # noqa: PLC0415

        from paceline.fetch import hubclient  # noqa: PLC0415

        self._endpoint = (os.environ.get("HF_ENDPOINT") or _ENDPOINT).rstrip("/")
        secure = self._endpoint.startswith("https://")
        set_client_factory(lambda: hubclient.bounded(_MOST_ANSWER_BYTES, secure=secure))
        self._api = HfApi(endpoint=self._endpoint, token=token or False)
        self._web = Web(token, secure=secure)
        self._repository = source.uri.removeprefix("hf://")
        self._pinned = source.commit
        self._revision = source.commit or source.revision or "main"
        self._commit = ""

    def close(self) -> None:
        """Let go of connections."""
        self._web.close()

    def look(self) -> Listing:
        """Look the revision up: its commit, and its files with sizes and digests."""
        info = self._info()
        if not isinstance(info.sha, str) or not info.sha.isalnum() or len(info.sha) > _SHA256_LENGTH:
            raise invalid("the Hub answers without a commit. Correct HF_ENDPOINT, or ask again later.")
        if self._pinned and info.sha != self._pinned:
            raise changed(f"{self._repository} has commit {info.sha} where {self._pinned[:64]} is wanted")
        self._commit = info.sha
        return listing((_file(each) for each in info.siblings or ()), self._commit)

    def describe(self, file: File) -> File:
        """The listing has said everything."""
        return file

    def read(self, file: File, start: int, length: int) -> bytes:
        """A range of a file at the commit that was looked up."""
        return self._web.read(self._url(file), start, length)

    def stream(self, file: File, start: int) -> Iterator[bytes]:
        """A file of that commit to its end."""
        return self._web.stream(self._url(file), start)

    def _url(self, file: File) -> str:
        from huggingface_hub import hf_hub_url  # noqa: PLC0415

        return hf_hub_url(self._repository, file.name, revision=self._commit, endpoint=self._endpoint)

    def _info(self) -> Any:
        from httpx2 import HTTPError, InvalidURL  # noqa: PLC0415
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError  # noqa: PLC0415

        try:
            return self._api.model_info(
                self._repository, revision=self._revision, files_metadata=True, timeout=_SECONDS
            )
        except HfHubHTTPError as error:
            raise self._translate(error) from error
        except HFValidationError as error:
            raise invalid(f"{self._repository} is no name of a repository. Correct uri.") from error
        except (HTTPError, InvalidURL, OSError) as error:
            raise connection_error(error, self._endpoint) from error
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise invalid(f"{host(self._endpoint)} answers with no description of a repository.") from error

    def _translate(self, error: Any) -> PacelineError:
        """What the client makes of statuses and the Hub's own error codes, in our words."""
        from huggingface_hub.errors import (  # noqa: PLC0415
            DisabledRepoError,
            GatedRepoError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )

        where = f"{self._repository} at {host(self._endpoint)}"
        if isinstance(error, GatedRepoError | DisabledRepoError):
            return Stalled(
                UNAUTHORIZED,
                f"{where} is gated or disabled. Accept its licence there, and name a secret whose token may read it.",
            )
        if isinstance(error, RevisionNotFoundError) and self._pinned:
            return changed(f"{where} has no commit {self._pinned[:64]}")
        if isinstance(error, RevisionNotFoundError):
            return Stalled(NOT_FOUND, f"{where} has no revision {self._revision[:100]!r}. Correct revision.")
        if isinstance(error, RepositoryNotFoundError):
            # Without a token the Hub answers 401 for what does not exist, so as not to tell what does.
            reason = UNAUTHORIZED if error.response.status_code in {401, 403} else NOT_FOUND
            return Stalled(
                reason,
                f"{where} does not exist or is private ({error.response.status_code}). Correct uri, or name a secret "
                "with secretRef whose token may read it.",
            )
        return status_error(error.response.status_code, where, error.response.headers)


def _file(sibling: Any) -> File:
    name, size, lfs = sibling.rfilename, sibling.size, sibling.lfs
    if lfs is not None:
        size, digest = lfs.size, _digest("sha256", lfs.sha256, _SHA256_LENGTH)
    else:
        digest = _digest("git-sha1", sibling.blob_id, _SHA1_LENGTH)
    if not isinstance(name, str) or not isinstance(size, int):
        raise invalid("the Hub lists a file without name or size. Correct HF_ENDPOINT, or use another source.")
    return File(name, size, digest=digest)


def _digest(algorithm: Any, value: object, length: int) -> Digest | None:
    return Digest(algorithm, value.lower()) if isinstance(value, str) and len(value) == length else None
