"""Pictures of children: what tells them apart, and what does not."""

from __future__ import annotations

from tests.acto.children import differences, meant, picture
from tests.acto.crd import spec_schema


def deployment(**changes):
    return {
        "kind": "Deployment",
        "metadata": {
            "name": "a",
            "uid": "1",
            "resourceVersion": "7",
            "managedFields": [],
            "annotations": {"paceline.dev/applied-digest": "x", "example.com/a": "kept"},
        },
        "spec": {"template": {"metadata": {"labels": {"paceline.dev/revision": "r1"}}}},
        "status": {"replicas": 3},
        **changes,
    }


def revision(label, number=1, image="a"):
    about = {"name": f"a-{label}", "labels": {"paceline.dev/revision": label}}
    data = {"spec": {"replicas": number}, "template": {}, "effective": {"image": image}}
    return {"kind": "ControllerRevision", "metadata": about, "revision": number, "data": data}


def test_what_the_api_server_and_controllers_write_is_left_out():
    assert picture([deployment()]) == {
        "Deployment a": {
            "kind": "Deployment",
            "metadata": {"name": "a", "annotations": {"example.com/a": "kept"}},
            "spec": {"template": {"metadata": {"labels": {"paceline.dev/revision": "r1"}}}},
        }
    }


def test_only_the_revision_that_runs_is_shown_without_its_number_and_the_echo_of_the_spec():
    shown = picture([deployment(), revision("r1", number=4), revision("r0", number=5, image="refused")])
    assert shown["ControllerRevision"] == {"effective": {"image": "a"}}


def test_of_two_revisions_with_the_same_template_the_later_one_is_shown():
    both = [revision("r1", number=5, image="later"), revision("r1", number=4, image="earlier")]
    for kept in (both, both[::-1]):
        assert picture([deployment(), *kept])["ControllerRevision"] == {"effective": {"image": "later"}}


def job(request="one", argument="--source=a"):
    labels = {"app.kubernetes.io/component": "fetch", "paceline.dev/sources": request}
    pod = {"containers": [{"name": "fetch", "args": [argument]}]}
    about = {"name": f"a-fetch-{request}", "labels": labels}
    return {"kind": "Job", "metadata": about, "spec": {"template": {"metadata": {"labels": labels}, "spec": pod}}}


def test_a_job_is_shown_by_what_it_does_and_not_by_the_digests_of_it():
    assert picture([job()]) == picture([job("two")])
    assert picture([job()]) != picture([job(argument="--source=b")])


def test_of_live_children_what_was_looked_up_is_shown_by_the_revision():
    kept = revision("r1")
    asked = {**kept, "data": {**kept["data"], "sources": {"request": "one"}}}
    shown = picture([job(), deployment(), asked], live=True)
    assert "Job" not in shown
    assert shown["ControllerRevision"] == {"effective": {"image": "a"}, "request": "one"}


def test_a_child_more_or_less_is_a_difference():
    assert differences({}, picture([deployment()]))
    assert differences(picture([deployment()]), {})


def test_a_difference_is_told_with_its_place():
    assert differences({"a": [{"b": 1}]}, {"a": [{"b": 2}]}) == ["a[0].b: 1 → 2"]
    assert differences({"a": [1]}, {"a": [1, 2]}) == ["a: [1] → [1, 2]"]
    assert differences({"a": 1}, {"a": 1}) == []


def test_defaults_empty_parts_and_spellings_mean_the_same():
    schema = spec_schema()
    plain = {"model": {"uri": "sim://a"}, "hardware": {"profile": "sim"}}
    full = {
        **plain,
        "replicas": 1,
        "engine": {"args": []},
        "lifecycle": {"startupSeconds": 1800, "drainSeconds": 300},
        "template": {"env": [], "labels": {}},
    }
    assert meant(full, schema) == meant(plain, schema)
    quantities = [{**plain, "template": {"resources": {"requests": {"cpu": each}}}} for each in ("1", 1, "1000m")]
    assert len({str(meant(each, schema)) for each in quantities}) == 1


def test_another_value_means_something_else():
    schema = spec_schema()
    assert meant({"replicas": 2}, schema) != meant({"replicas": 1}, schema)
    labelled = [{"template": {"labels": {"example.com/a": each}}} for each in ("", "b")]
    assert meant(labelled[0], schema) != meant(labelled[1], schema)
