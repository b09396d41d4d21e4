"""What lookups are told: something for each source that they ask for, as the operator reads it."""

from __future__ import annotations

import json

from paceline.api.source import Report
from tests.acto import answers


def pod(*sources):
    arguments = [f"--source={json.dumps(source)}" for source in sources]
    return {"containers": [{"name": "fetch", "args": [*arguments, "--report=/dev/termination-log"]}]}


def found(*sources):
    return Report.model_validate_json(answers.report(pod(*sources))).found


def test_each_source_is_found_by_its_name():
    hub, bucket = {"name": "base", "uri": "hf://a/b"}, {"name": "adapter-x", "uri": "s3://a/b"}
    assert found(hub, bucket).keys() == {"base", "adapter-x"}
    assert found(hub)["base"].commit != found({**bucket, "name": "base"})["base"].commit


def test_what_lies_on_a_volume_does_not_say_how_large_it_is():
    assert found({"name": "base", "uri": "file:///claims/base"})["base"].weight_bytes == 0
    assert found({"name": "base", "uri": "hf://a/b"})["base"].weight_bytes > 0


def test_it_fits_into_the_last_words_of_a_container():
    sources = [{"name": "base", "uri": "hf://a/b"}]
    sources += [{"name": f"adapter-{number}", "uri": "hf://a/b"} for number in range(16)]
    assert len(answers.report(pod(*sources)).encode()) <= 4096


def test_a_pod_that_was_answered_has_ended_well():
    status = answers.status(pod({"name": "base", "uri": "hf://a/b"}))
    ended = status["containerStatuses"][0]["state"]["terminated"]
    assert (status["phase"], ended["exitCode"]) == ("Succeeded", 0)
