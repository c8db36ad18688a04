from typing import Any

from connectors.sandbox.requestlog import RequestLog


def entry(method: str, refused: bool = False) -> dict[str, Any]:
    return {
        "time": "2026-11-23T08:00:00Z",
        "seconds": 1.0,
        "verb": "POST",
        "path": f"/rest/1/***/{method}",
        "method": method,
        "status": 503 if refused else 200,
        "refused": refused,
        "commands": 50,
    }


def test_since_leaves_out_what_was_read_before() -> None:
    log = RequestLog()
    for method in ("batch", "scope", "batch"):
        log.add(**entry(method))
    assert [line["n"] for line in log.since(1)] == [2, 3]
    assert log.since(3) == []


def test_the_summary_counts_requests_refusals_and_commands() -> None:
    log = RequestLog()
    log.add(**entry("batch"))
    log.add(**entry("batch", refused=True))
    assert log.summary() == {
        "requests": 2,
        "refused": 1,
        "commands": 100,
        "methods": {"batch": 2},
    }
