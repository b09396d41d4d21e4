"""Time zones by name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from paceline.ledger.zones import zone


def test_zones_are_known_by_the_names_of_the_iana_database():
    assert zone("Europe/Berlin").key == "Europe/Berlin"


@pytest.mark.parametrize("name", ["Europe/Bielefeld", "", "../../etc/passwd", "/etc/localtime", "Europe", "a\x00b"])
def test_what_is_no_zone_is_refused_with_its_name(name):
    with pytest.raises(ValueError, match="is no time zone") as refused:
        zone(name)
    assert repr(name) in str(refused.value)


def test_zones_are_known_where_the_system_has_none():
    code = (
        "from paceline.ledger.zones import zone; import zoneinfo; zoneinfo.reset_tzpath(()); print(zone('Asia/Tokyo'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "Asia/Tokyo"
