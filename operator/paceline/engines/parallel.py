"""How the accelerators of one replica share a model."""

from __future__ import annotations

from dataclasses import dataclass

from paceline.api.modeldeployment import ModelDeployment
from paceline.api.spec import Parallelism
from paceline.errors import Stalled


@dataclass(frozen=True, slots=True)
class Shares:
    """Sizes of the groups; their product is the number of accelerators.

    Attributes:
        tensor: Accelerators that share each layer.
        pipeline: Groups that the layers are divided among.
        data: Copies of the model.
    """

    tensor: int = 1
    pipeline: int = 1
    data: int = 1


def parallel(md: ModelDeployment) -> Shares:
    """The sizes in force: a tensor size that is left out is what pipeline and data leave over.

    Raises:
        Stalled: reason InvalidSpec, where the product is not what the replica has.
    """
    hardware, asked = md.spec.hardware, md.spec.parallelism or Parallelism()
    accelerators = hardware.count * hardware.nodes
    others = asked.pipeline * asked.data
    tensor = asked.tensor or max(accelerators // others, 1)
    if tensor * others != accelerators:
        raise Stalled(
            "InvalidSpec",
            f"spec.parallelism is tensor {tensor} x pipeline {asked.pipeline} x data {asked.data} = {tensor * others}, "
            f"but spec.hardware.count x nodes is {accelerators}. Make both equal.",
        )
    return Shares(tensor, asked.pipeline, asked.data)
