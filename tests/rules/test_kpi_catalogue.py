"""The catalogue file: what it refuses, and where it says the fault is."""

import pytest

from rules.kpi_catalogue import parse_catalogue
from rules.yaml_file import FileProblem

SOUND = """\
version: 1
kpis:
  - code: click_rate
    version: 1
    title: {en: Click rate, fr: Taux de clic}
    numerator: clicks
    denominator: impressions
    unit: share
    direction: increase
    family: click
    owner_role: acquisition
    levers: [{en: the text, fr: le texte}]
"""


def problems(text: str) -> list[str]:
    with pytest.raises(FileProblem) as caught:
        parse_catalogue(text, "kpis.yaml")
    return caught.value.problems


def test_a_sound_file_is_read_with_its_defaults() -> None:
    (kpi,) = parse_catalogue(SOUND, "kpis.yaml").kpis
    assert (kpi.code, kpi.minimum_denominator, kpi.ripe_after_days) == ("click_rate", 30, 0)
    assert (kpi.stage, kpi.floor) == (None, None)


def test_a_misspelt_field_is_named_with_its_line_and_the_nearest_known_one() -> None:
    missing, misspelt = problems(SOUND.replace("    direction:", "    directoin:"))
    assert missing.startswith("kpis.yaml:3: kpis[0]")
    assert missing.endswith("direction is missing")
    assert misspelt.startswith("kpis.yaml:9: kpis[0].directoin: ")
    assert misspelt.endswith("did you mean direction?")


def test_a_measure_nobody_counts_is_named_with_the_nearest_that_is() -> None:
    assert problems(SOUND.replace("numerator: clicks", "numerator: klicks")) == [
        "kpis.yaml:6: kpis[0].numerator: klicks is not known; did you mean clicks?"
    ]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("denominator: impressions", "denominator: spend", "spend is money"),
        ("numerator: clicks", "numerator: spend", "money goes with the numerator spend"),
        ("unit: share", "unit: money", "money goes with the numerator spend"),
        ("unit: share", "unit: share\n    floor: 1.4", "less than 1"),
        ("code: click_rate", "code: Click rate", "should match pattern"),
        ("levers: [{en: the text, fr: le texte}]", "levers: []", "nothing moves"),
        ("version: 1\nkpis", "version: 2\nkpis", "must be at most 1"),
    ],
)
def test_a_definition_that_cannot_be_is_refused(before: str, after: str, told: str) -> None:
    assert told in problems(SOUND.replace(before, after, 1))[0]


def test_a_floor_of_an_amount_is_refused() -> None:
    text = SOUND.replace("numerator: clicks", "numerator: spend")
    text = text.replace("unit: share", "unit: money\n    floor: 0.4")
    assert "only a share has one" in problems(text)[0]


def test_two_kpis_of_one_code_or_stage_are_refused() -> None:
    entry = SOUND.split("kpis:\n")[1]
    assert "the code click_rate is given twice" in problems(SOUND + entry)[0]
    staged = SOUND + "    stage: 1\n" + entry.replace("click_rate", "other") + "    stage: 1\n"
    assert "stage 1 is given twice" in problems(staged)[0]
