"""docs/design/chart.md answers each of the handbook's 34 points."""

import re

from tests.support.helm import ROOT

PAGE = (ROOT / "docs" / "design" / "chart.md").read_text()


def test_every_point_is_met_or_its_absence_has_a_reason():
    answers = re.findall(
        r"^(\d+)\. (Met\.|Met in part\.|Met otherwise\.|Not built:|Not yet:) ?(.*)$", PAGE, flags=re.MULTILINE
    )
    assert [int(number) for number, *_ in answers] == list(range(1, 35))
    for number, _, words in answers:
        assert len(words.split()) >= 4 or "tests/" in words, number


def test_files_that_the_page_names_exist():
    for path in re.findall(r"`((?:charts|tests|docs|deploy|operator)/[\w./-]+)`", PAGE):
        assert (ROOT / path).exists(), path
