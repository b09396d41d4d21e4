"""The key of an engine that answers only who brings it (spec.exposure: GatewayOnly), as files in its pod.

It is a file because arguments and variables can be read by whoever may look at pods.
"""

from __future__ import annotations

from paceline.api.modeldeployment import ModelDeployment
from paceline.api.names import ENGINE_KEY
from paceline.engines.files import SECRETS

FOLDER = f"{SECRETS}/{ENGINE_KEY}"
#: The key and nothing else.
PLAIN = "key"
#: Arguments in YAML, as vLLM, SGLang and engine-sim take them by --config. The ending matters to them.
CONFIG = "config.yaml"


def contents(key: str) -> dict[str, str]:
    """The files of the Secret, by their names."""
    return {PLAIN: key, CONFIG: f"api-key: {key}\n"}


def key_flags(md: ModelDeployment, flag: str, file: str) -> tuple[str, ...]:
    """The flag and the file's path as two arguments, because vLLM and SGLang overlook `--config=path`."""
    return (flag, f"{FOLDER}/{file}") if md.spec.locked else ()
