"""What the tests of this folder begin with."""

from tests.support.door import door

__all__ = ["door"]
