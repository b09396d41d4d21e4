"""Sizes of the groups of accelerators."""

from __future__ import annotations

import pytest

from paceline.engines.parallel import Shares, parallel
from paceline.errors import Stalled
from tests.support import models


def shares(count: int, **sizes: int) -> Shares:
    return parallel(models.model({"hardware": {"count": count}, "parallelism": sizes}))


@pytest.mark.parametrize(
    ("count", "sizes", "found"),
    [
        (1, {}, Shares(1, 1, 1)),
        (8, {}, Shares(8, 1, 1)),
        (8, {"pipeline": 2}, Shares(4, 2, 1)),
        (8, {"pipeline": 2, "data": 2}, Shares(2, 2, 2)),
        (8, {"tensor": 4, "pipeline": 2}, Shares(4, 2, 1)),
    ],
)
def test_tensor_parallelism_takes_what_is_left(count, sizes, found):
    assert shares(count, **sizes) == found


@pytest.mark.parametrize(
    ("count", "sizes"), [(8, {"tensor": 4}), (6, {"pipeline": 4}), (1, {"pipeline": 2}), (4, {"tensor": 8})]
)
def test_sizes_that_do_not_add_up_are_refused_with_both_sides(count, sizes):
    with pytest.raises(Stalled, match=f"but spec.hardware.count x nodes is {count}"):
        shares(count, **sizes)
