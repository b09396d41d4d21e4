"""What is known of a model's files once its source was looked at. At most 4 KiB: it travels as a pod's last words."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from paceline.api.base import Model

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class Shape(Model):
    """The parts of a model's configuration that its memory follows from.

    Attributes:
        layers: Transformer layers that keep keys and values.
        kv_heads: Heads of keys and values in each layer.
        head_size: Numbers in each head.
        context_tokens: Longest sequence that the model was made for.
    """

    layers: int = Field(ge=1)
    kv_heads: int = Field(ge=1)
    head_size: int = Field(ge=1)
    context_tokens: int | None = Field(None, ge=1)

    def bytes_per_token(self, element_bytes: int) -> int:
        """Memory of one token's keys and values in all layers: 2 x layers x heads x head size x bytes of a number."""
        return 2 * self.layers * self.kv_heads * self.head_size * element_bytes


class Resolved(Model):
    """A source at one moment.

    Attributes:
        commit: The commit, object version or digest that the source's revision meant.
        bytes: Of all files that are fetched.
        weight_bytes: Of the weights alone.
        parameters: Number of the weights; None where the files do not say.
        dtype: Type of most weights, such as BF16.
        shape: None where the configuration does not say.
        tokenizer_digest: Of the tokenizer's files.
        chat_template_digest: Of the chat template.
        chat_template_difference: First line in which it differs from the expected one; None where none is expected,
            or where they are the same.
    """

    commit: str = Field(min_length=1, max_length=256)
    bytes: int = Field(ge=0)
    weight_bytes: int = Field(ge=0)
    parameters: int | None = Field(None, ge=0)
    dtype: str = Field("", max_length=32)
    shape: Shape | None = None
    tokenizer_digest: Digest | None = None
    chat_template_digest: Digest | None = None
    chat_template_difference: str | None = Field(None, max_length=300)
