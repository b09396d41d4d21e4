"""The key of an engine: how each engine is told where it is, and what may not give it another one."""

from __future__ import annotations

import pytest
import yaml

from paceline.engines.key import contents
from paceline.errors import Stalled
from tests.support import models

FOLDER = "/var/run/secrets/paceline/engine-key"
FILES = {
    "VLLM": ("hf://acme/model", ("--config", f"{FOLDER}/config.yaml")),
    "SGLang": ("hf://acme/model", ("--config", f"{FOLDER}/config.yaml")),
    "LlamaCpp": ("hf://acme/model.gguf", ("--api-key-file", f"{FOLDER}/key")),
    "Simulator": ("sim://llama-3-8b-h100", ("--config", f"{FOLDER}/config.yaml")),
}


def plan(kind, exposure="GatewayOnly", engine=None, **spec):
    uri = FILES[kind][0] if kind in FILES else "image://registry.example.com/engine:1"
    about = {"model": {"uri": uri}, "engine": {"type": kind, **(engine or {})}, "exposure": exposure}
    return models.plan(models.model({**about, **spec}))


@pytest.mark.parametrize("kind", FILES)
def test_an_engine_is_told_the_path_in_two_arguments_before_the_users(kind):
    made = plan(kind, engine={"args": ["--mine"]})
    assert made.args[-3:] == (*FILES[kind][1], "--mine")
    assert made.key_file == FILES[kind][1][1].rpartition("/")[2]


@pytest.mark.parametrize("kind", [*FILES, "Custom"])
@pytest.mark.parametrize("exposure", ["Auto", "Cluster"])
def test_others_are_told_nothing(kind, exposure):
    made = plan(kind, exposure)
    assert not {"--config", "--api-key-file"} & set(made.args)
    assert "PACELINE_ENGINE_KEY_FILE" not in dict(made.env)
    assert made.key_file == ""


def test_an_unknown_image_is_told_the_path_by_a_variable():
    made = plan("Custom")
    assert dict(made.env)["PACELINE_ENGINE_KEY_FILE"] == f"{FOLDER}/key"
    assert made.args == ()


@pytest.mark.parametrize(
    ("kind", "argument"),
    [
        ("VLLM", "--api-key=x"),
        ("VLLM", "--api_key=x"),
        ("VLLM", "--config=x.yaml"),
        ("SGLang", "--api-key"),
        ("SGLang", "--config"),
        ("LlamaCpp", "--api-key=x"),
        ("LlamaCpp", "--api_key_file=x"),
        ("Simulator", "--config=x.yaml"),
    ],
)
@pytest.mark.parametrize("exposure", ["Auto", "GatewayOnly"])
def test_arguments_that_would_give_it_another_key_are_refused(kind, argument, exposure):
    with pytest.raises(Stalled, match=r"spec\.engine\.args sets --(api-key|config).*Remove it") as refused:
        plan(kind, exposure, engine={"args": [argument]})
    assert refused.value.reason == "InvalidSpec"


@pytest.mark.parametrize("name", ["VLLM_API_KEY", "LLAMA_API_KEY", "LLAMA_ARG_API_KEY_FILE", "SGLANG_API_KEY"])
def test_variables_that_would_give_it_another_key_are_refused_of_every_engine(name):
    with pytest.raises(Stalled, match=f"{name} loads code or looks like a secret"):
        plan("VLLM", template={"env": [{"name": name, "value": "x"}]})


def test_the_variable_with_the_path_is_refused_where_it_is_set():
    template = {"env": [{"name": "PACELINE_ENGINE_KEY_FILE", "value": "x"}]}
    with pytest.raises(Stalled, match=r"spec\.template\.env sets PACELINE_ENGINE_KEY_FILE, which the engine sets"):
        plan("Custom", template=template)
    assert plan("Custom", "Cluster", template=template).env


def test_figures_behind_the_key_are_not_read():
    assert plan("LlamaCpp").metrics is None
    assert plan("LlamaCpp", "Cluster").metrics is not None
    for kind in ("VLLM", "SGLang", "Simulator"):
        assert plan(kind).metrics is not None


@pytest.mark.parametrize("kind", FILES)
def test_probes_ask_what_needs_no_key(kind):
    probes = plan(kind).probes
    assert {probes.startup.path, probes.readiness.path, probes.liveness.path} == {"/health"}


def test_the_files_hold_the_key_bare_and_as_an_argument_in_yaml():
    files = contents("pl-A_b-0")
    assert files["key"] == "pl-A_b-0"
    assert yaml.safe_load(files["config.yaml"]) == {"api-key": "pl-A_b-0"}
    assert set(files) == {"key", "config.yaml"}
