"""All rows, in the order of the score card."""

from collections.abc import Mapping

from tests.connectors.conformance import (
    test_listings,
    test_moments,
    test_running,
    test_shapes,
    test_states,
    test_webhooks,
    test_writes,
)
from tests.connectors.conformance.rows import ROWS, Row

CHAPTERS = (
    test_listings,
    test_moments,
    test_shapes,
    test_states,
    test_running,
    test_writes,
    test_webhooks,
)


def every_row() -> Mapping[str, Row]:
    return {
        id_: row
        for chapter in CHAPTERS
        for id_, row in ROWS.items()
        if row.attempt.__module__ == chapter.__name__
    }
