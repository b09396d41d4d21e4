"""Engines that serve files: what was learnt of the real ones, a fact for each test."""

from __future__ import annotations

from typing import Any

import pytest

from paceline.engines import EnginePlan, engine_type
from paceline.errors import Stalled
from tests.support import models

GPU = {"acceleratorResource": "nvidia.com/gpu", "memoryGiB": 80}
HF = {"uri": "hf://acme/model"}
GGUF = {"uri": "hf://acme/model", "file": "q8.gguf"}
CPU = {"acceleratorResource": "", "memoryGiB": 0}
ADAPTERS = [{"name": "refunds", "uri": "hf://acme/refunds"}, {"name": "claims", "uri": "s3://lora/claims"}]


def plan(spec: dict[str, Any], **profile: Any) -> EnginePlan:
    md = models.model({"model": HF} | spec)
    return models.plan(md, models.hardware(**(GPU | profile)))


def sglang(**spec: Any) -> EnginePlan:
    return plan({"engine": {"type": "SGLang"}} | spec)


def refused(spec: dict[str, Any]) -> Stalled:
    with pytest.raises(Stalled) as error:
        plan(spec)
    return error.value


@pytest.mark.parametrize(
    ("model", "engine"),
    [
        (HF, "VLLM"),
        ({"uri": "s3://models/qwen"}, "VLLM"),
        ({"uri": "pvc://models/qwen"}, "VLLM"),
        ({"uri": "https://files.example.com/qwen/"}, "VLLM"),
        (GGUF, "LlamaCpp"),
        ({"uri": "https://files.example.com/q8.gguf"}, "LlamaCpp"),
    ],
)
def test_the_engine_follows_from_where_the_model_comes_from(model, engine):
    assert engine_type(models.model({"model": model})) == engine


def test_a_gguf_file_is_not_served_by_vllm_nor_a_folder_by_llama_cpp():
    assert "needs LlamaCpp or Custom" in refused({"model": GGUF, "engine": {"type": "VLLM"}}).message
    assert "needs VLLM or SGLang or Custom" in refused({"engine": {"type": "LlamaCpp"}}).message


class TestVllm:
    def test_the_user_is_the_images_own_because_with_another_one_the_import_fails(self):
        assert plan({}).run_as_user == 2000
        assert plan({}, runAsUser=3000).run_as_user == 3000

    def test_home_and_all_caches_are_on_volumes_that_can_be_written(self):
        made = plan({})
        paths = {one.path for one in made.scratch}
        written = {"HOME", "VLLM_CACHE_ROOT", "VLLM_CONFIG_ROOT", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR"}
        env = dict(made.env)
        assert written <= env.keys()
        assert all(any(env[name].startswith(path) for path in paths) for name in written)

    @pytest.mark.parametrize(("count", "size"), [(1, "2Gi"), (8, "16Gi")])
    def test_shared_memory_grows_with_tensor_parallelism(self, count, size):
        made = plan({"hardware": {"count": count}})
        assert {one.path: one.size for one in made.scratch}["/dev/shm"] == size

    def test_a_drain_is_as_long_as_the_spec_says(self):
        made = plan({"lifecycle": {"drainSeconds": 120}})
        assert "--shutdown-timeout=120" in made.args
        assert made.termination_grace_seconds > made.pre_stop_seconds + 120

    def test_adapters_are_loaded_at_the_start_under_their_own_names(self):
        args = plan({"adapters": ADAPTERS}).args
        at = args.index("--lora-modules")
        assert "--enable-lora" in args[:at]
        assert args[at + 1 : at + 3] == ("refunds=/models/adapter-refunds", "claims=/models/adapter-claims")

    def test_nothing_is_fetched_by_the_engine_itself(self):
        made = plan({})
        assert made.args[0] == "/models/base"
        assert dict(made.env)["HF_HUB_OFFLINE"] == "1"

    def test_sizes_that_are_one_are_not_written(self):
        assert not any("parallel" in arg for arg in plan({}).args)
        args = plan({"hardware": {"count": 8}, "parallelism": {"pipeline": 2, "data": 2}}).args
        assert {"--tensor-parallel-size=2", "--pipeline-parallel-size=2", "--data-parallel-size=2"} <= set(args)

    @pytest.mark.parametrize("task", ["Embed", "Score"])
    def test_models_that_write_nothing_are_run_as_poolers(self, task):
        assert "--runner=pooling" in plan({"model": HF | {"task": task}}).args

    def test_the_longest_sequence_is_the_specs(self):
        assert "--max-model-len=8192" in plan({"engine": {"maxContextTokens": 8192}}).args

    @pytest.mark.parametrize("arg", ["--port=1", "--api-key", "--max-model-len=9", "-tp", "--config"])
    def test_arguments_that_other_fields_set_are_refused(self, arg):
        error = refused({"engine": {"args": [arg]}})
        assert error.reason == "InvalidSpec"
        assert arg.partition("=")[0] in error.message

    def test_batching_is_continuous_or_refused(self):
        assert plan({"engine": {"batching": {"type": "Continuous"}}}).batching == "Continuous"
        static = {"engine": {"batching": {"type": "Static", "static": {"batchSize": 8}}}}
        assert refused(static).reason == "UnsupportedBatching"


class TestSglang:
    def test_it_is_run_by_its_module_with_metrics_on(self):
        made = sglang()
        assert made.command == ("python3", "-m", "sglang.launch_server")
        assert {"--model-path=/models/base", "--enable-metrics", "--served-model-name=chat"} <= set(made.args)
        assert made.metrics is not None
        assert made.metrics.waiting == "sglang:num_queue_reqs"

    def test_adapters_sizes_and_context_have_its_own_flags(self):
        spec = {"hardware": {"count": 4}, "parallelism": {"pipeline": 2}, "adapters": ADAPTERS}
        args = sglang(**spec, engine={"type": "SGLang", "maxContextTokens": 4096}).args
        assert {"--tp-size=2", "--pp-size=2", "--context-length=4096"} <= set(args)
        assert args[args.index("--lora-paths") + 1] == "refunds=/models/adapter-refunds"

    def test_embedding_models_are_said_to_be_some(self):
        assert "--is-embedding" in sglang(model=HF | {"task": "Embed"}).args


class TestLlamaCpp:
    def test_its_default_image_leaves_no_accelerator_idle_without_a_word(self):
        assert "server-cuda" in refused({"model": GGUF}).message
        assert plan({"model": GGUF, "engine": {"image": "r/llama:cuda"}}).image == "r/llama:cuda"

    def test_the_file_is_the_one_that_was_chosen(self):
        assert plan({"model": GGUF}, **CPU).args[:2] == ("--model", "/models/base/q8.gguf")
        url = {"uri": "https://files.example.com/a/b.gguf"}
        assert plan({"model": url}, **CPU).args[:2] == ("--model", "/models/base/b.gguf")

    def test_arguments_are_given_as_llama_server_takes_them(self):
        """It knows no --name=value."""
        args = ["--threads=4", "--override-kv", "llama.context_length=int:9", "--cont_batching", "-t=1", "--x=a=b"]
        assert plan({"model": GGUF, "engine": {"args": args}}, **CPU).args[-8:] == (
            *("--threads", "4", "--override-kv", "llama.context_length=int:9", "--cont-batching", "-t=1", "--x", "a=b"),
        )

    @pytest.mark.parametrize("arg", ["--ctx-size=9", "--ctx_size", "-c", "--rerank", "--api_key=x"])
    def test_arguments_of_other_fields_are_refused_however_they_are_spelled(self, arg):
        assert "which paceline sets" in refused({"model": GGUF, "engine": {"args": [arg]}}).message

    def test_it_ends_at_once_on_sigterm_so_it_is_drained_before(self):
        made = plan({"model": GGUF, "lifecycle": {"drainSeconds": 60}}, **CPU)
        assert (made.pre_stop_seconds, made.drain_seconds) == (65, 0)

    @pytest.mark.parametrize(("task", "flag"), [("Embed", "--embeddings"), ("Score", "--reranking")])
    def test_tasks_have_flags(self, task, flag):
        assert flag in plan({"model": GGUF | {"task": task}}, **CPU).args

    def test_adapters_are_refused_because_it_has_no_names_for_them(self):
        assert "names of their own" in refused({"model": GGUF, "adapters": ADAPTERS}).message


class TestCustom:
    def test_it_may_read_fetched_files(self):
        engine = {"type": "Custom", "image": "r/tgi:3", "args": ["--model-id=/models/base"]}
        made = plan({"engine": engine})
        assert (made.image, made.args) == ("r/tgi:3", ("--model-id=/models/base",))

    def test_files_without_an_image_are_refused(self):
        assert "spec.engine.image is missing" in refused({"engine": {"type": "Custom"}}).message
