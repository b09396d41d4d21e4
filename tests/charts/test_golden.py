"""What the chart renders, file by file: adding a case is adding a file to charts/paceline/ci."""

import pytest

from tests.support.golden import check_no_strays, golden
from tests.support.helm import CASE_NAMES, CHART, CRDS_CHART, render, run

# The kinds have golden files of their own; a hundred kilobytes of schema in each case would hide the rest.
WITHOUT_CRDS = "kind: CustomResourceDefinition"


@pytest.mark.parametrize("name", CASE_NAMES)
def test_each_case_renders_as_reviewed(name):
    documents = render(values=CHART / "ci" / f"{name}.yaml").split("\n---\n")
    golden(f"charts/{name}.yaml", "\n---\n".join(each for each in documents if WITHOUT_CRDS not in each))


def test_no_golden_file_outlives_its_case():
    check_no_strays("charts", {f"{name}.yaml" for name in CASE_NAMES})


@pytest.mark.parametrize("name", CASE_NAMES)
def test_each_case_passes_the_strict_linter(name):
    done = run("lint", "--strict", "--values", CHART / "ci" / f"{name}.yaml", CHART)
    assert done.returncode == 0, done.stdout


def test_the_chart_of_the_kinds_passes_the_strict_linter():
    done = run("lint", "--strict", CRDS_CHART)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", CASE_NAMES)
def test_rendering_twice_gives_the_same(name):
    values = CHART / "ci" / f"{name}.yaml"
    assert render(values=values) == render(values=values)
