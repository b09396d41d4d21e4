"""`paceline version`; imports nothing heavy, so that it answers at once."""

from __future__ import annotations

import platform
from importlib import metadata


def installed() -> str:
    """The version of the installed distribution, which pyproject.toml alone states."""
    try:
        return metadata.version("paceline")
    except metadata.PackageNotFoundError:
        return "from source, not installed"


def version() -> None:
    """Print the version of paceline and of the Python it runs on."""
    print(f"paceline {installed()} (Python {platform.python_version()})")
