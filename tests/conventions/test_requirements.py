"""Requirements are locked by hash, hold no addresses, and each has its reason."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distributions
from itertools import chain

import pytest
from packaging.requirements import Requirement

from tests.support.tree import ROOT, files, relative

LOCKED = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
#: What the package needs, and what its extras do.
NEEDED = [*PROJECT["project"]["dependencies"], *chain(*PROJECT["project"]["optional-dependencies"].values())]


def name_of(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-").replace(".", "-")


def pins(path: object) -> list[str]:
    """Each requirement with its continuation lines joined."""
    joined = str(path.read_text()).replace("\\\n", " ")  # type: ignore[attr-defined]
    return [line.strip() for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def pinned(line: str) -> Requirement:
    return Requirement(line.split(" --hash", maxsplit=1)[0])


@pytest.mark.parametrize("path", LOCKED, ids=lambda path: path.name)
def test_every_requirement_is_pinned_with_hashes_and_without_an_address(path: object) -> None:
    requirements = pins(path)
    assert requirements
    for requirement in requirements:
        assert re.match(r"[A-Za-z0-9._-]+(\[[^]]*\])?==", requirement), requirement
        assert "--hash=sha256:" in requirement, requirement
        assert "://" not in requirement, requirement


def test_every_dependency_is_locked_for_the_image() -> None:
    locked = {name_of(requirement) for requirement in pins(ROOT / "requirements" / "runtime.txt")}
    wanted = {name_of(requirement) for requirement in NEEDED}
    assert wanted <= locked
    assert not locked & {"numpy", "scipy"}, "they would make the operator's image heavy"


def test_what_is_locked_for_the_image_is_locked_alike_for_development() -> None:
    runtime = {requirement.split()[0] for requirement in pins(ROOT / "requirements" / "runtime.txt")}
    development = {requirement.split()[0] for requirement in pins(ROOT / "requirements" / "dev.txt")}
    assert runtime <= development


def test_extras_that_a_requirement_asks_for_are_locked_with_it() -> None:
    """pip looks for `name[extra]` apart from `name`, so a newer release of it would be found and refused."""
    locked = {name_of(each.name): each.extras for each in map(pinned, pins(ROOT / "requirements" / "dev.txt"))}
    asked = [(each.name, Requirement(text)) for each in distributions() for text in each.requires or []]
    for asker, wanted in asked:
        if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
            assert wanted.extras <= locked.get(name_of(wanted.name), wanted.extras), f"{wanted} of {asker}"


def test_every_dependency_has_a_reason_and_every_reason_a_dependency() -> None:
    page = (ROOT / "docs" / "design" / "dependencies.md").read_text()
    reasons = set(re.findall(r"^\| ([a-z0-9-]+) \|", page, re.MULTILINE)) - {"package"}
    assert reasons == {name_of(requirement) for requirement in NEEDED}


def test_every_dependency_is_imported_somewhere() -> None:
    names = {"huggingface-hub": "huggingface_hub", "prometheus-client": "prometheus_client", "pyyaml": "yaml"}
    sources = "\n".join(
        path.read_text() for path in files() if relative(path).startswith("operator/") and path.suffix == ".py"
    )
    for requirement in NEEDED:
        module = names.get(name_of(requirement), name_of(requirement))
        assert re.search(rf"^\s*(import|from) {module}\b", sources, re.MULTILINE), requirement


def test_there_is_no_lock_file_of_another_tool() -> None:
    locks = [relative(path) for path in files() if path.suffix == ".lock" or path.name.startswith("pylock")]
    assert not locks


def test_the_version_and_licence_are_stated_once() -> None:
    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert PROJECT["project"]["requires-python"] == ">=3.11"
    assert "__version__" not in (ROOT / "operator" / "paceline" / "__init__.py").read_text()
