"""Tables, data and progress on a terminal and on a pipe."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from paceline.cli import console
from paceline.cli.console import Output, print_data, print_table
from paceline.cli.steps import Steps


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=200, color_system="standard")


def pipe() -> Console:
    return Console(file=io.StringIO(), width=200)


def text(of: Console) -> str:
    assert isinstance(of.file, io.StringIO)
    return of.file.getvalue()


def clock(*times: float) -> Steps:
    moments = iter(times)
    return Steps(pipe(), lambda: next(moments))


def test_a_table_on_a_pipe_is_never_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = Console(file=io.StringIO(), width=20)
    monkeypatch.setattr(console, "out", narrow)
    print_table(("NAME", "WORDS"), [("a", "x" * 100), ("b", "[bold]no markup[/]")])
    lines = text(narrow).splitlines()
    assert [line.rstrip() for line in lines] == [
        "NAME   WORDS",
        "a      " + "x" * 100,
        "b      [bold]no markup[/]",
    ]


def test_conditions_are_coloured_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    colourful, plain = terminal(), pipe()
    for each in (colourful, plain):
        monkeypatch.setattr(console, "out", each)
        print_table(("READY",), [("False",)])
    assert "\x1b[31mFalse" in text(colourful)
    assert "\x1b" not in text(plain)


def test_data_is_printed_as_json_or_yaml_with_its_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = pipe()
    monkeypatch.setattr(console, "out", plain)
    print_data({"b": "ü [x]", "a": 1}, Output.JSON)
    print_data({"b": "ü [x]", "a": 1}, Output.YAML)
    assert text(plain) == '{\n  "b": "ü [x]",\n  "a": 1\n}\nb: ü [x]\na: 1\n'


@pytest.mark.parametrize("make", [terminal, pipe], ids=["terminal", "pipe"])
def test_a_spinner_moves_on_a_terminal_only(make: object, monkeypatch: pytest.MonkeyPatch) -> None:
    assert callable(make)
    shown = make()
    monkeypatch.setattr(console, "err", shown)
    with console.working("thinking"):
        pass
    assert ("thinking" in text(shown)) == shown.is_terminal


def test_a_card_names_its_object_above_its_facts() -> None:
    shown = pipe()
    shown.print(console.card("models/hello", {"READY": "True", "COST/H": "2.49"}))
    lines = text(shown).splitlines()
    assert lines[0].strip() == "models/hello"
    assert "READY" in lines[2]
    assert "COST/H" in lines[2]
    assert "2.49" in lines[4]


def test_a_finished_step_is_told_with_its_seconds() -> None:
    steps = clock(0.0, 1.0, 3.5, 10.0)
    with steps.step("making tea") as progress:
        progress.now("boiling")
        progress.done = "tea is made"
    assert text(steps.console) == "… making tea\n✔    2.5 s  tea is made\n"
    assert steps.total() == 10.0


def test_a_broken_step_is_marked_and_its_error_goes_on() -> None:
    steps = clock(0.0, 1.0, 2.0)
    with pytest.raises(RuntimeError, match="no water"), steps.step("making tea"):
        raise RuntimeError("no water")
    assert text(steps.console).splitlines()[-1] == "✘    1.0 s  making tea"


def test_a_step_on_a_terminal_moves_and_tells_what_it_is_at() -> None:
    steps = Steps(terminal())
    with steps.step("making tea") as progress:
        progress.now("boiling")
    assert "making tea" in text(steps.console)


def test_a_remark_stays_above_the_line_of_its_step() -> None:
    steps = clock(0.0, 0.0, 2.5)
    with steps.step("making tea"):
        steps.note("the kettle leaks")
    assert text(steps.console) == "… making tea\nthe kettle leaks\n✔    2.5 s  making tea\n"
