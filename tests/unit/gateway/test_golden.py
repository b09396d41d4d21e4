"""What Envoy reads, as reviewed. Each golden file also starts a real Envoy (tests/envoy)."""

from __future__ import annotations

import pytest
import yaml

from paceline.gateway import envoy
from paceline.gateway.check import check
from tests.support import neutral
from tests.support.golden import check_no_strays, golden

FOLDER = "/etc/paceline/envoy"


class Written(yaml.SafeDumper):
    """YAML without references: each place reads by itself."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def files(case: str) -> dict[str, str]:
    made = envoy.documents_of(neutral.CASES[case](), neutral.SECRETS, FOLDER)
    return {
        f"{case}/{name.removesuffix('.json')}.yaml": yaml.dump(document, Dumper=Written, sort_keys=False, width=110)
        for name, document in made.items()
    }


@pytest.mark.parametrize("case", neutral.CASES)
def test_files_are_made_as_reviewed(case: str) -> None:
    assert not check(neutral.CASES[case](), neutral.SECRETS)
    for name, text in files(case).items():
        golden(f"gateway/{name}", text)


def test_no_golden_file_is_left_of_a_case_that_is_gone() -> None:
    check_no_strays("gateway", {name for case in neutral.CASES for name in files(case)})
