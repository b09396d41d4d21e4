"""Programs of operators of other releases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from paceline.agent.fetching import Fetching
from paceline.agent.files import Folder
from paceline.agent.held import Addresses, Held
from paceline.agent.programming import Programmer
from paceline.agent.remote import Answer
from paceline.agent.words import Words
from paceline.gateway.snapshot import program, write
from tests.support.neutral import SECRETS, full

MADE, FILES = program(full(), SECRETS, {}, "/f")


class Operator:
    """Gives one program after the other."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, Any]] = []
        self.generation = 0
        self.text = b""

    def give(self, text: bytes) -> None:
        self.generation += 1
        self.text = text

    async def ask(self, _method: str, _path: str, params: Any, **_: Any) -> Answer:
        self.asked.append((params["generation"], params["digest"]))
        head = f'{{"generation":{self.generation},"digest":"d{self.generation}","program":'.encode()
        return Answer(200, head + self.text + b"}")


async def test_a_program_of_another_format_is_told_once_and_the_one_before_is_kept(tmp_path: Path) -> None:
    operator, held, changes = Operator(), Held(tmp_path, "ns/public"), []
    programmer = Programmer(
        Folder(tmp_path),
        held,
        object(),  # type: ignore[arg-type]
        Words(tmp_path),
        lambda _: (),
        lambda: changes.append(1),
        lambda _: None,
    )
    fetching = Fetching(operator, held, programmer, "ns/public")  # type: ignore[arg-type]
    programmer.move(Addresses("e-1", FILES))
    operator.give(write(MADE))
    await fetching._program()
    await programmer._advance()
    changes.clear()
    operator.give(b'{"format":2,"everything":"else"}')
    await fetching._program()
    await fetching._program()
    assert operator.asked == [(0, ""), (1, "d1"), (2, "d2")]
    assert held.program is not None
    assert held.program.program == MADE
    assert held.refused is not None
    assert (held.refused.generation, held.refused.digest) == (2, "d2")
    assert held.refused.words.startswith("The configuration has format 2, and this agent reads format 1.")
    assert changes == [1], "it is told once"
