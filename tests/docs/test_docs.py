"""The documentation is true: links lead somewhere, manifests are valid, commands exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from paceline.cli import demo
from paceline.cli.main import COMMANDS, load
from tests.support.manifests import problems
from tests.support.tree import ROOT, files, relative

PAGES = [path for path in files() if path.suffix == ".md" and not relative(path).startswith("tests/")]
FENCE = re.compile(r"^(`{3,})([^\n]*)\n(.*?)^\1\s*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^]]*\]\(([^)\s]+)\)")
MAKEFILE = (ROOT / "Makefile").read_text()


def prose(path: Path) -> str:
    """A page without its code."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", path.read_text()))


def blocks(path: Path, *languages: str) -> Iterator[str]:
    for _, info, body in FENCE.findall(path.read_text()):
        if info.strip() in languages:
            yield body


def anchors(path: Path) -> set[str]:
    """Anchors of a page's headings, as MyST and forges make them."""
    heads = re.findall(r"^#+ (.*)$", FENCE.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def commands(path: Path) -> Iterator[list[str]]:
    """Each command that a page tells its reader to type, in words."""
    for body in blocks(path, "console"):
        for line in re.sub(r"\\\n\s*", " ", body).splitlines():
            if line.startswith("$ "):
                yield from parts(shlex.split(line[2:], comments=True))


def parts(words: list[str]) -> Iterator[list[str]]:
    """The commands of a pipeline, without assignments before them."""
    command: list[str] = []
    for word in [*words, "|"]:
        if word in {"|", "&&"}:
            yield command
            command = []
        elif command or not re.match(r"[A-Z_]+=", word):
            command.append(word)


def manifests(path: Path) -> Iterator[dict[str, Any]]:
    for body in blocks(path, "yaml"):
        for document in yaml.safe_load_all(body):
            if isinstance(document, dict) and str(document.get("apiVersion", "")).startswith("paceline.dev/"):
                yield document


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_every_link_within_the_tree_leads_to_a_file_and_a_heading(path: Path) -> None:
    broken = []
    for target in LINK.findall(prose(path)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_every_whole_manifest_on_a_page_is_valid(path: Path) -> None:
    for manifest in manifests(path):
        assert "metadata" not in manifest or problems(manifest) == [], manifest


def test_a_wrong_manifest_would_be_found() -> None:
    wrong = yaml.safe_load((ROOT / "crds/examples/modeldeployment-minimal.yaml").read_text())
    assert problems(wrong) == []
    wrong["spec"]["model"]["url"] = "sim://x"
    wrong["spec"]["replicas"] = "two"
    assert len(problems(wrong)) == 2


@pytest.mark.parametrize("path", sorted((ROOT / "crds" / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_is_valid(path: Path) -> None:
    assert problems(yaml.safe_load(path.read_text())) == []


def unknown(words: list[str]) -> str:
    """What does not exist of a command line; empty where all of it does."""
    program, *rest = words
    if program == "make":
        targets = [word for word in rest if "=" not in word]
        missing = [name for name in targets if not re.search(rf"^{re.escape(name)}:", MAKEFILE, re.MULTILINE)]
        return f"make {missing}" if missing else ""
    if Path(program).name != "paceline":
        return ""
    return _unknown_of_paceline(rest)


def _unknown_of_paceline(words: list[str]) -> str:
    name = words[0]
    if name not in COMMANDS:
        return f"paceline {name}"
    command: Any = load(name, COMMANDS[name])
    # A few groups do something without a command of theirs.
    own = command.params and (len(words) == 1 or words[1].startswith("-"))
    if getattr(command, "commands", None) and not own:
        if words[1] not in command.commands:
            return f"paceline {name} {words[1]}"
        command = command.commands[words[1]]
        if words[1] == "kubectl":
            return ""
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    wrong = [word for word in words if word.startswith("-") and word.split("=")[0] not in {*known, "-h", "--help"}]
    return f"{name}: {wrong}" if wrong else ""


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_every_command_on_a_page_exists_with_its_options(path: Path) -> None:
    assert not [found for words in commands(path) if (found := unknown(words))]


def test_commands_that_do_not_exist_would_be_found() -> None:
    assert unknown(["make", "coffee"])
    assert unknown(["paceline", "brew"])
    assert unknown(["paceline", "local", "brew"])
    assert unknown(["paceline", "chat", "m", "--loud"])
    assert unknown(["paceline", "usage", "--loud"])
    assert unknown(["paceline", "usage", "brew"])
    assert not unknown(["paceline", "usage", "--by", "model"])
    assert not unknown(["paceline", "usage", "export", "--from", "2026-11-01"])
    assert not unknown(["kubectl", "get", "--anything"])


def test_the_tutorial_uses_the_manifest_and_the_names_of_the_demo() -> None:
    tutorial = (ROOT / "docs/tutorial/first-model.md").read_text()
    typed = list(commands(ROOT / "docs/tutorial/first-model.md"))
    assert ["make", "demo"] in typed
    assert f"-n {demo.NAMESPACE}" in tutorial
    shown = list(manifests(ROOT / "docs/tutorial/first-model.md"))
    assert yaml.safe_load((ROOT / demo.MANIFEST).read_text()) in shown
    assert yaml.safe_load((ROOT / demo.MANIFEST).read_text()) in list(manifests(ROOT / "README.md"))


def test_every_typer_group_is_found_by_the_checks_above() -> None:
    """A group's commands are checked one by one; a group that hid them would make the checks empty."""
    groups = [name for name, entry in COMMANDS.items() if getattr(load(name, entry), "commands", None)]
    assert groups == ["local", "rollout", "key", "usage", "gateway-agent"]
