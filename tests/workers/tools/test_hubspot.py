"""HubSpot from end to end."""

from pathlib import Path

from connectors.hubspot.connector import HubSpot
from tests.workers.tools.walk import Story, goes_out_and_comes_back

STORY = Story(
    tool=HubSpot,
    account="HubSpot account 7000001 (developer test)",
    owner="5001",
    streams=8,
    target="task:",
    completed={"hs_task_status": "COMPLETED"},
)


def test_a_decision_goes_out_and_its_status_comes_back(tmp_path: Path) -> None:
    goes_out_and_comes_back(STORY, tmp_path / "home")
