"""Salesforce from end to end."""

from pathlib import Path

from connectors.salesforce.connector import Salesforce
from connectors.salesforce.portal.ids import numbered
from tests.workers.tools.walk import Story, goes_out_and_comes_back

STORY = Story(
    tool=Salesforce,
    account="Salesforce org 00DQy000000001FMAQ (Developer Edition, sandbox, EU99)",
    owner=numbered("User", 1),
    streams=7,
    target="a0A",
    completed={"Status": "Completed"},
)


def test_a_decision_goes_out_and_its_status_comes_back(tmp_path: Path) -> None:
    goes_out_and_comes_back(STORY, tmp_path / "home")
