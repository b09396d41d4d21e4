"""What is to be fetched, as the command line says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from paceline.api.source import Source
from paceline.errors import Stalled
from paceline.fetch.guard import Guard
from paceline.fetch.reasons import invalid, missing

_MOST_TEMPLATE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done.

    Attributes:
        sources: At least one, each with a name of its own.
        into: Where folders go; None only looks up.
        chat_template: The one that is expected of the source called base.
        shared: Folders are named by what is in them, because other revisions and models lie beside it.
    """

    sources: Sequence[Source]
    into: Path | None = None
    chat_template: str | None = None
    shared: bool = False


def parse(sources: Sequence[str], into: Path | None, chat_template: Path | None, *, shared: bool = False) -> Order:
    """An order out of options.

    Args:
        sources: JSON of api.source.Source.
        into: As in Order.
        chat_template: File of the expected template.
        shared: As in Order.

    Raises:
        Stalled: reason SourceInvalid, where they cannot be understood.
    """
    try:
        wanted = [Source.model_validate_json(each) for each in sources]
        expected = None
        if chat_template is not None:
            with chat_template.open("rb") as file:
                expected = file.read(_MOST_TEMPLATE_BYTES).decode("utf-8", "replace")
    except ValidationError as error:
        # Without the input: it may be anything.
        raise _misused(
            "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        ) from None
    except FileNotFoundError as error:
        raise missing("the chat template", "spec.model.chatTemplateRef") from error
    except OSError as error:
        raise _misused(str(error)) from error
    if len({each.name for each in wanted}) != len(wanted):
        raise _misused("two sources have the same name")
    return Order(wanted, into, expected, shared)


def guard(networks: Sequence[str]) -> Guard:
    """A guard that lets these networks be connected to.

    Raises:
        Stalled: reason SourceInvalid, where they are no networks.
    """
    try:
        return Guard(networks)
    except ValueError as error:
        raise _misused(str(error)) from error


def _misused(why: str) -> Stalled:
    return invalid(f"the command line cannot be understood ({why}). This is a fault of whoever wrote it.")
