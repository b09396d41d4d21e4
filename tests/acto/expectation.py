"""What must come of a case."""

from __future__ import annotations

from enum import Enum


class Expectation(Enum):
    """What must come of a changed object."""

    #: Taken, and visible in a child or in the list of fields without effect.
    VALID = "valid"
    #: Refused at admission, or named by a condition while the children stay as they were.
    REFUSED = "refused"
    #: Taken and visible, and a condition names what keeps the new pods from running while the old ones serve.
    TROUBLE = "trouble"
    #: Either is right; they are listed in either.yaml.
    EITHER = "either"
