"""The score cards."""

from enum import StrEnum

from tests.connectors.conformance.case import Case


class Result(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    NOT_APPLICABLE = "not applicable"


def check_card(case: Case, row_id: str, result: Result, why: str | None) -> None:
    pass
