"""Runs the demo for real and draws what it printed: docs/images/demo.svg.

Usage: python docs/plots/demo_picture.py [CLUSTER]      (root, like `make demo`)
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.segment import Segment
from rich.terminal_theme import TerminalTheme

from paceline.cli import console

WIDTH = 104
TARGET = Path(__file__).resolve().parents[1] / "images" / "demo.svg"
COLOURS = [
    (72, 79, 88),
    (248, 113, 113),
    (86, 196, 128),
    (227, 179, 65),
    (110, 160, 240),
    (190, 140, 240),
    (94, 200, 210),
]
THEME = TerminalTheme((22, 27, 34), (214, 220, 228), [*COLOURS, (214, 220, 228)], [*COLOURS, (255, 255, 255)])
#: Columns by which a broken line is set in.
INDENT = 13


class Recorder(Console):
    """Keeps what the demo prints, without the lines that only say what begins."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print, unless the line begins a step."""
        if not (objects and str(objects[0]).startswith("… ")):
            super().print(*objects, **options)


def wrapped(segments: Iterable[Segment], width: int) -> Iterator[Segment]:
    """Break lines between words, as a terminal's reader would like it."""
    column = 0
    for segment in segments:
        for part in re.findall(r"\n|\s*[^\s]+|[^\S\n]+", segment.text):
            breaks = part != "\n" and column + len(part) > width
            if breaks:
                yield Segment("\n" + " " * INDENT)
            shown = part.lstrip() if breaks else part
            column = 0 if part == "\n" else (INDENT if breaks else column) + len(shown)
            yield Segment(shown, segment.style)


def main() -> None:
    """Run and draw."""
    recorder = Recorder(record=True, width=WIDTH, color_system="truecolor", highlight=False, soft_wrap=True)
    console.out = console.err = recorder
    from paceline.cli.main import run  # noqa: PLC0415 - after the consoles are exchanged

    began = [Segment("$ make demo\n")]
    code = run(["demo", *(["--name", sys.argv[1]] if len(sys.argv) > 1 else [])])
    if code:
        sys.exit(code)
    recorder._record_buffer = list(wrapped([*began, *recorder._record_buffer], WIDTH))
    svg = recorder.export_svg(title="make demo", theme=THEME, unique_id="demo", font_aspect_ratio=0.6)
    # A picture fetches nothing: the reader's own monospaced font does.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font-family: Fira Code, monospace", "font-family: ui-monospace, Menlo, Consolas, monospace", svg)
    TARGET.write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
