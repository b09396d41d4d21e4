"""Which files are fetched."""

from __future__ import annotations

import json

import pytest

from paceline.errors import Stalled
from paceline.fetch.place import MOST_FILES, File, commit_of, listing
from paceline.fetch.plan import INDEX, Needed, parts, plan


def chosen(*names: str, wanted: str | None = None, index: object = None) -> list[str]:
    """Names of what is fetched of a source with these files, each of one byte."""
    files = {name: File(name, 1) for name in names}
    needed: Needed = plan(files, wanted, lambda _, __: json.dumps(index).encode())
    return [file.name for file in needed.files]


@pytest.mark.parametrize(
    ("there", "needed"),
    [
        (["config.json", "model.safetensors"], ["config.json", "model.safetensors"]),
        (["model.safetensors", "consolidated.safetensors"], ["model.safetensors"]),
        (["consolidated.safetensors", "params.json"], ["params.json", "consolidated.safetensors"]),
        (["adapter_config.json", "adapter_model.safetensors"], ["adapter_config.json", "adapter_model.safetensors"]),
        (["model.safetensors", "a.gguf"], ["model.safetensors"]),
        (["config.json", "a.gguf"], ["a.gguf"]),
        (["model.safetensors", "pytorch_model.bin", "x.pt"], ["model.safetensors"]),
        (["model.safetensors", "onnx/model.safetensors", "original/params.json"], ["model.safetensors"]),
        (["model.safetensors", "modeling_x.py", "README.md", ".gitattributes"], ["model.safetensors"]),
        (["model.safetensors", "merges.txt", "tokenizer.model", "x.tiktoken", "chat_template.jinja"],
         ["chat_template.jinja", "merges.txt", "tokenizer.model", "x.tiktoken", "model.safetensors"]),
    ],
)  # fmt: skip
def test_configuration_tokenizer_and_weights_are_needed(there: list[str], needed: list[str]) -> None:
    assert chosen(*there) == needed


def test_small_files_come_before_weights() -> None:
    assert chosen("a.json", "model.safetensors", "z.json") == ["a.json", "z.json", "model.safetensors"]


def test_shards_are_those_of_the_index() -> None:
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-1.safetensors"}}
    names = ["model-1.safetensors", "model-2.safetensors", "model-old.safetensors", INDEX]
    assert chosen(*names, index=index) == [INDEX, "model-1.safetensors", "model-2.safetensors"]


@pytest.mark.parametrize("name", ["pytorch_model.bin", "x.pt", "x.pth", "x.ckpt", "x.pkl", "a/x.bin", "x.joblib"])
def test_pickles_alone_are_refused(name: str) -> None:
    with pytest.raises(Stalled, match=r"SourceInvalid.*runs the code"):
        chosen("config.json", name)


@pytest.mark.parametrize("wanted", ["x.bin", "x.pt", "config.json", "x.onnx"])
def test_only_safetensors_and_gguf_can_be_asked_for(wanted: str) -> None:
    with pytest.raises(Stalled, match="SourceInvalid"):
        chosen(wanted, "model.safetensors", wanted=wanted)


def test_the_one_file_that_is_wanted_is_taken() -> None:
    assert chosen("a.safetensors", "b.safetensors", "config.json", wanted="b.safetensors") == [
        "config.json",
        "b.safetensors",
    ]


def test_parts_of_a_split_model_belong_together() -> None:
    assert parts("q/a-00002-of-00003.gguf") == [f"q/a-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    assert parts("a.gguf") == ["a.gguf"]
    assert chosen("a-00001-of-00002.gguf", "a-00002-of-00002.gguf") == [
        "a-00001-of-00002.gguf",
        "a-00002-of-00002.gguf",
    ]
    assert len(parts("a-00001-of-99999.gguf")) <= 2000


def test_nothing_to_serve_is_invalid() -> None:
    with pytest.raises(Stalled, match="SourceInvalid"):
        chosen("README.md", "config.json")


def test_the_number_of_files_is_bounded() -> None:
    with pytest.raises(Stalled, match="more than 2000 files"):
        chosen("model.safetensors", *(f"{number}.json" for number in range(2001)))
    with pytest.raises(Stalled, match="SourceInvalid"):
        listing(File(str(number), 0) for number in range(MOST_FILES + 1))
    with pytest.raises(Stalled, match="names 2001 files"):
        chosen(INDEX, index={"weight_map": {str(number): f"{number}.safetensors" for number in range(2001)}})


def test_a_huge_index_is_not_read() -> None:
    with pytest.raises(Stalled, match="SourceInvalid"):
        plan({INDEX: File(INDEX, 2**30)}, None, lambda *_: pytest.fail("it was read"))


def test_a_dataset_beside_the_model_is_left_there() -> None:
    files = {"model.safetensors": File("model.safetensors", 1), "data.json": File("data.json", 2**30)}
    assert [file.name for file in plan(files, None, lambda *_: b"").files] == ["model.safetensors"]


def test_negative_sizes_are_invalid() -> None:
    with pytest.raises(Stalled, match="SourceInvalid"):
        listing([File("a", -1)])


def test_a_digest_of_files_stands_for_names_sizes_and_versions() -> None:
    one, two = File("a", 1, "v"), File("b", 2, "w")
    assert commit_of([one, two]) == commit_of([two, one])
    others = [[one], [File("a", 1, "x"), two], [File("a", 2, "v"), two], [File("c", 1, "v"), two]]
    assert len({commit_of(each) for each in [[one, two], *others]}) == 5
