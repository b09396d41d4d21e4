import pytest

from paceline.enginesim.faults import BadFaultError, Faults, parse


def test_no_specification_is_no_fault():
    assert parse([]) == Faults()


def test_numbers_texts_and_switches_are_read():
    assert parse(["crash-after=3", "error-rate=0.25", "poison=an owl = bird", "never-ready"]) == Faults(
        crash_after=3, error_rate=0.25, poison="an owl = bird", never_ready=True
    )


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("explode", "no fault is named 'explode'; there are crash-after"),
        ("crash-after", "write it as crash-after=VALUE"),
        ("poison=", "write it as poison=VALUE"),
        ("never-ready=yes", "write it as never-ready"),
        ("crash-after=soon", "'soon' is not a number"),
        ("error-rate=2", "fault error-rate=2.0: give a value from 0 to 1"),
        ("slow=0", "fault slow=0.0: give a value from 0.001 to 1000"),
    ],
)
def test_a_wrong_specification_is_refused_with_the_right_form(spec, words):
    with pytest.raises(BadFaultError) as caught:
        parse([spec])
    assert words in str(caught.value)
