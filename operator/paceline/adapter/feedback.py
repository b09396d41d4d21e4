"""The second request: the first one, with the answer that it got and what is wrong with it."""

from __future__ import annotations

import json

#: Together with the words about it less than ir.FEEDBACK_BYTES, which a Hard budget reserves for them.
MOST_ANSWER = 24_576
#: Of requests that are read for it: images as text can be long.
MOST_REQUEST = 8 << 20

_WORDS = (
    "Your answer does not match the JSON Schema that it must match. {problem}\n"
    "Answer once more: only the whole corrected JSON document, without any words or marks before or after it."
)


def once_more(body: bytes, answer: str, problem: str) -> bytes | None:
    """The body of the second request.

    Args:
        body: Of the first one.
        answer: What did not match. Of a long one the end is left out.
        problem: What is wrong with it.

    Returns:
        None where there is no place for them: the prompt is a list, or very long.
    """
    if len(body) > MOST_REQUEST:
        return None
    try:
        document = json.loads(body)
        said, words = _begin(answer), _WORDS.format(problem=problem)
        if isinstance(document.get("messages"), list):
            document["messages"] += [{"role": "assistant", "content": said}, {"role": "user", "content": words}]
        elif isinstance(document.get("prompt"), str):
            document["prompt"] += f"{said}\n\n{words}\n"
        else:
            return None
        return json.dumps(document, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None


def _begin(answer: str) -> str:
    """As much as fits, and no half of a character."""
    return answer.encode("utf-8", "replace")[:MOST_ANSWER].decode("utf-8", "ignore")
