"""What the tree may and may not hold."""

from __future__ import annotations

import re
import statistics

import pytest

from tests.support.tree import ROOT, files, functions, python, relative, text

MEDIAN_LINES = 150
MOST_LINES = 600
MOST_FUNCTION_LINES = 80

# Spelled in pieces, so that this file names no host and no path itself.
_HOSTS = [
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("crates", "io"),
    ("npmjs", "org"),
    ("npmjs", "com"),
    ("maven", "org"),
    ("debian", "org"),
]
REGISTRIES = re.compile("|".join(rf"\b{name}\.{tld}\b" for name, tld in _HOSTS) + r"|\b(proxy|sum)\.go" + r"lang\.org")
MACHINE = re.compile("/" + "|/".join(["wo" + "rk/[a-z.]", "fa" + "rm/", "ro" + "ot/", "ho" + "me/[a-z]"]))
MARKERS = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
WORDS = re.compile(r"\b(chat" + r"gpt|co" + r"pilot|clau" + r"de|lang" + r"uage assistant)\b", re.IGNORECASE)

#: Written by others, or data.
FOREIGN = ("LICENSE", "deploy/kubernetes-embedded/", "requirements/", "operator/paceline/enginesim/corpus.txt")


def found(pattern: re.Pattern[str], *, also: tuple[str, ...] = ()) -> list[str]:
    """Places where a pattern stands, apart from foreign files."""
    places = []
    for path in files():
        name, content = relative(path), text(path)
        if content is None or name.startswith((*FOREIGN, *also)):
            continue
        lines = enumerate(content.splitlines(), 1)
        places += [f"{name}:{number}: {line.strip()[:100]}" for number, line in lines if pattern.search(line)]
    return places


def test_operator_stays_a_source_root() -> None:
    """operator/__init__.py would shadow a module that every Python needs to start."""
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_test_folders_are_no_packages() -> None:
    assert not [relative(path) for path in python("tests/") if path.name == "__init__.py"]


def test_no_file_is_longer_than_its_cap_and_the_median_stays_low() -> None:
    lengths = {relative(path): len(path.read_text().splitlines()) for path in python("operator/", "tests/", "charts/")}
    assert not {name: lines for name, lines in lengths.items() if lines > MOST_LINES}
    package = [lines for name, lines in lengths.items() if name.startswith("operator/") and lines]
    assert statistics.median(package) <= MEDIAN_LINES


def test_functions_of_the_package_fit_on_a_screen() -> None:
    long = [
        f"{relative(path)}:{function.lineno} {function.name}"
        for path in python("operator/")
        for function in functions(path)
        if (function.end_lineno or function.lineno) - function.lineno + 1 > MOST_FUNCTION_LINES
    ]
    assert not long


def test_no_file_names_a_registry_of_packages() -> None:
    assert not found(REGISTRIES)


def test_no_file_names_a_path_of_one_machine() -> None:
    assert not found(MACHINE)


def test_nothing_is_left_marked_as_open() -> None:
    assert not found(MARKERS)


def test_no_file_speaks_of_the_tools_it_was_written_with() -> None:
    assert not found(WORDS)


@pytest.mark.parametrize(
    ("pattern", "example"),
    [
        (REGISTRIES, "https://py" + "pi.org/simple"),
        (MACHINE, "see /wo" + "rk/main/x"),
        (MARKERS, "# TO" + "DO later"),
        (WORDS, "made by Co" + "pilot"),
    ],
    ids=["registry", "machine", "marker", "tool"],
)
def test_the_patterns_find_what_they_look_for(pattern: re.Pattern[str], example: str) -> None:
    assert pattern.search(example)


def test_the_files_that_a_stranger_looks_for_are_there() -> None:
    for name in ("README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "Makefile", ".ci/run"):
        assert (ROOT / name).is_file(), name
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111, ".ci/run is not executable"
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_the_readme_is_short_and_its_picture_is_there() -> None:
    readme = (ROOT / "README.md").read_text()
    assert len(readme.splitlines()) <= 150
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", readme)
    assert pictures
    assert all((ROOT / picture).is_file() for picture in pictures), pictures


def test_every_make_target_says_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z][a-z0-9-]*):(?!=)(.*)$", makefile, re.MULTILINE)
    assert targets
    assert not [name for name, rest in targets if not re.search(r"## \S", rest)]
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    assert {name for name, _ in targets} == set(phony.group(1).split())
