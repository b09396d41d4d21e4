"""Any image that serves HTTP: paceline runs it as the spec says and adds nothing to its arguments."""

from __future__ import annotations

from paceline.api.engine_spec import Custom
from paceline.api.modeldeployment import ModelDeployment
from paceline.api.profile import HardwareProfile
from paceline.engines.assemble import assemble
from paceline.engines.base import TMP, EngineImages, EnginePlan, MetricNames, Program
from paceline.engines.key import FOLDER, PLAIN
from paceline.errors import Stalled

#: Says where the file with the key is. Whether the image asks for it is the image's affair.
KEY_VARIABLE = "PACELINE_ENGINE_KEY_FILE"


def plan(md: ModelDeployment, profile: HardwareProfile, _: EngineImages) -> EnginePlan:
    """Run the image named by an image:// uri, or by engine.image where the uri names files.

    Raises:
        Stalled: reason UnsupportedBatching, because paceline cannot tell an unknown image how to batch; reason
            InvalidSpec, where there is no image.
    """
    engine = md.spec.engine_or_default
    image = md.spec.model.location if md.spec.model.scheme == "image" else engine.image
    if not image:
        raise Stalled(
            "InvalidSpec",
            f"spec.engine.type is Custom and spec.model.uri {md.spec.model.uri} names files, so spec.engine.image is "
            "missing. Set it to the image that reads them from /models/base.",
        )
    if engine.batching is not None:
        raise Stalled(
            "UnsupportedBatching",
            f"spec.engine.batching asks for {engine.batching.type}, but paceline cannot tell the image "
            f"{image} how to batch. Remove it and use spec.engine.args.",
        )
    custom = engine.custom or Custom()
    program = Program(
        type="Custom",
        image=image,
        command=custom.command,
        args=engine.args,
        # The root file system is read-only and the user has no entry in the image's /etc/passwd.
        env=(("HOME", TMP.path), *(((KEY_VARIABLE, f"{FOLDER}/{PLAIN}"),) if md.spec.locked else ())),
        port=custom.port,
        readiness_path=custom.readiness_path,
        metrics=MetricNames(custom.metrics.path, custom.metrics.ttft, custom.metrics.tpot) if custom.metrics else None,
        inference=custom.inference,
        batching="Engine",
        key_file=PLAIN,
    )
    return assemble(md, profile, program)
