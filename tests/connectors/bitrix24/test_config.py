"""Settings: what is taken, what is refused, and that a refusal shows no secret."""

import pytest
from pydantic import ValidationError

from connectors.bitrix24.config import Bitrix24Config
from connectors.bitrix24.connector import Bitrix24
from tests.connectors.bitrix24.kit import CODE, WEBHOOK, Hands


@pytest.mark.parametrize(
    "address",
    [
        WEBHOOK,
        "https://portal.example/rest/1/w3bh00kc0de",
        "http://127.0.0.1:9001/rest/1/w3bh00kc0de/",
        "http://localhost:9001/rest/1/w3bh00kc0de/",
    ],
)
def test_a_webhook_address_is_taken_over_https_or_on_this_machine(address: str) -> None:
    config = Bitrix24Config.model_validate({"webhook": address})
    assert config.user_and_code == ("1", CODE)


@pytest.mark.parametrize(
    "address",
    [
        "http://portal.example/rest/1/w3bh00kc0de/",
        "https://portal.example/rest/w3bh00kc0de/",
        "https://portal.example/rest/1/w3bh00kc0de/profile.json",
        "ftp://portal.example/rest/1/w3bh00kc0de/",
        "w3bh00kc0de",
        "https://[portal/rest/1/w3bh00kc0de/",
    ],
)
def test_another_address_is_refused_in_one_sentence_without_the_secret(address: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Bitrix24Config.model_validate({"webhook": address})
    (error,) = refused.value.errors(include_input=False)
    assert "copy it whole from the portal" in error["msg"]
    assert CODE not in str(refused.value)


def test_without_credentials_both_ways_to_give_them_are_named() -> None:
    with pytest.raises(ValidationError, match="webhook's address, or portal, client_id"):
        Bitrix24Config.model_validate({"portal": "https://portal.example"})


def test_an_unsafe_other_address_is_refused() -> None:
    with pytest.raises(ValidationError, match="https://"):
        Bitrix24Config.model_validate({"webhook": WEBHOOK, "base_url": "http://proxy.example"})


def test_another_address_replaces_the_host_of_the_webhook() -> None:
    config = Bitrix24Config.model_validate({"webhook": WEBHOOK, "base_url": "http://127.0.0.1:9"})
    assert Bitrix24(config, Hands().wire()).base_url() == "http://127.0.0.1:9/rest/"


@pytest.mark.parametrize(
    ("plan", "limit"),
    [("standard", (50, 2.0)), ("enterprise", (250, 5.0)), ("self_hosted", None)],
)
def test_the_plan_tells_the_budget(plan: str, limit: tuple[int, float] | None) -> None:
    config = Bitrix24Config.model_validate({"webhook": WEBHOOK, "plan": plan})
    budget = Bitrix24(config, Hands().wire()).budget()
    assert (budget and (budget.burst, budget.rate)) == limit


def test_the_code_of_the_webhook_is_a_secret_by_itself() -> None:
    config = Bitrix24Config.model_validate({"webhook": WEBHOOK, "application_token": "apptok-1"})
    secrets = {s.get_secret_value() for s in Bitrix24(config, Hands().wire()).secrets()}
    assert secrets == {WEBHOOK, CODE, "apptok-1"}
