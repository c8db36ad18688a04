"""The pace that is kept to: nearly all that the rolling window takes, and never more."""

import pytest

from connectors.budget import Bucket, take
from connectors.pipedrive.connector import PLANS, Pipedrive
from tests.connectors.hands import Hands

WINDOW = 2.0
# What requests may come later on the way than those behind them.
OVERTAKEN = 0.05
SECONDS = 60.0


@pytest.mark.parametrize("plan", PLANS)
def test_the_window_is_used_and_not_exceeded(plan: str) -> None:
    settings = {"company": "https://acme.pipedrive.com", "api_token": "token", "plan": plan}
    budget = Pipedrive(Pipedrive.Config.model_validate(settings), Hands().wire()).budget()
    assert budget is not None
    most = PLANS[plan][1]  # type: ignore[index]
    sent, now, bucket = [], 0.0, Bucket(at=0.0)
    while now < SECONDS:
        bucket, delay = take(bucket, budget, now)
        if delay:
            now += delay
        else:
            sent.append(now)
    for first, beyond in zip(sent, sent[most:], strict=False):
        assert beyond - first > WINDOW + OVERTAKEN
    assert len(sent) >= 0.97 * most / WINDOW * SECONDS
