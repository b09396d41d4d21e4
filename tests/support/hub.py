"""A small Hub for tests: repositories with commits, files on another origin behind signed addresses, gates."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from tests.support.webserver import Asked, Reply, WebServer, serving

_LARGE = (".safetensors", ".gguf", ".bin")
SIGNATURE = "X-Signature=c0ffee"


@dataclass
class Repository:
    """Commits by branch, files by commit."""

    token: str = ""
    gated: bool = False
    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def commit(self, files: Mapping[str, bytes], branch: str = "main") -> str:
        """Put files there as a new commit of a branch."""
        text = repr(sorted(files.items())) + branch
        made = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self.commits[made] = dict(files)
        self.branches[branch] = made
        return made


class Hub:
    """The Hub's own server, and the one that its large files are on."""

    def __init__(self, api: WebServer, store: WebServer) -> None:
        self.api, self.store = api, store
        self.repositories: dict[str, Repository] = {}
        #: Bytes by SHA-256; what a test puts here is served instead of what a digest says.
        self.blobs: dict[str, bytes] = {}

    def repository(self, name: str = "org/model", token: str = "", *, gated: bool = False) -> Repository:
        return self.repositories.setdefault(name, Repository(token, gated))

    def answer(self, asked: Asked) -> Reply:
        described = re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/(.+)", asked.path)
        resolved = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", asked.path)
        found = described or resolved
        repository = self.repositories.get(found[1]) if found else None
        if found is None or repository is None:
            return Reply(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        if repository.token and asked.headers.get("authorization") != f"Bearer {repository.token}":
            if repository.gated:
                return Reply(403, b"{}", {"X-Error-Code": "GatedRepo"})
            return Reply(401, b"{}", {"X-Error-Code": "RepoNotFound"})
        commit = repository.branches.get(found[2], found[2])
        if commit not in repository.commits:
            return Reply(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        files = repository.commits[commit]
        return _described(found[1], commit, files) if described else self._file(files, found[3])

    def _file(self, files: Mapping[str, bytes], name: str) -> Reply:
        if name not in files:
            return Reply(404, b"", {"X-Error-Code": "EntryNotFound"})
        if not name.endswith(_LARGE):
            return Reply(body=files[name])
        digest = hashlib.sha256(files[name]).hexdigest()
        self.blobs.setdefault(digest, files[name])
        return Reply(302, b"", {"Location": f"{self.store.url}/blobs/{digest}?{SIGNATURE}"}, ranges=False)

    def stored(self, asked: Asked) -> Reply:
        body = self.blobs.get(asked.path.rpartition("/")[2])
        if body is None or asked.query != SIGNATURE:
            return Reply(403, b"")
        return Reply(body=body)


def _described(name: str, commit: str, files: Mapping[str, bytes]) -> Reply:
    siblings = []
    for file, body in files.items():
        header = b"blob %d\0" % len(body)
        entry: dict[str, object] = {
            "rfilename": file,
            "size": len(body),
            "blobId": hashlib.sha1(header + body, usedforsecurity=False).hexdigest(),
        }
        if file.endswith(_LARGE):
            entry["lfs"] = {"size": len(body), "sha256": hashlib.sha256(body).hexdigest(), "pointerSize": 134}
        siblings.append(entry)
    body = json.dumps({"id": name, "sha": commit, "siblings": siblings}).encode()
    return Reply(body=body, headers={"Content-Type": "application/json"}, ranges=False)


@contextmanager
def hub() -> Iterator[Hub]:
    """A Hub for a block."""
    with ExitStack() as stack:
        api = stack.enter_context(serving(lambda _: Reply(503)))
        store = stack.enter_context(serving(lambda _: Reply(503)))
        made = Hub(api, store)
        api.answer, store.answer = made.answer, made.stored
        yield made
