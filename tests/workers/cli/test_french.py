"""A French team reads plans, dry runs and decisions in French; English stays as it was."""

from pathlib import Path

from tests.connectors.bitrix24.kit import sandbox
from tests.workers.cli.kit import Retro
from tests.workers.cli.test_deciding import EMAILS, RETRO, prepared
from workers.cli.words import api_calls, decision_status


def test_a_plan_and_its_decisions_are_told_in_french(retro: Retro, tmp_path: Path) -> None:
    retro.monkeypatch.setenv("RETRO_LANG", "fr")
    retro.monkeypatch.setenv("COLUMNS", "200")
    file = tmp_path / "retro.yaml"
    with sandbox(seed=7, records=20) as portal:
        prepared(retro, portal, file, EMAILS)
        file.write_text(RETRO)
        retro("import", str(file))
        plan = retro("plan").out
        assert "\ntâche   p_des" in f"\n{plan}"
        assert "\ncible   transactional_email_click_rate: 2,50 % → 2,87 %, vérifiée le " in plan
        assert "        règle R03 (" in plan
        assert ") car " in plan
        assert "        dans portal : " in plan
        assert " appels d'API vers portal\n" in plan
        assert " because " not in plan
        retro("apply")
        assert " appels d'API vers portal\n" in retro("push", "--dry-run").out
    head, row = retro("decisions").out.splitlines()
    assert head.split() == ["id", "état", "responsable", "échéance", "faites", "total"]
    assert row.split()[:4] == ["D-email-ctr", "en", "cours", "p_mkt"]


def test_a_refused_target_is_told_in_french_with_the_next_step(
    retro: Retro, tmp_path: Path
) -> None:
    retro.monkeypatch.setenv("RETRO_LANG", "fr")
    file = tmp_path / "retro.yaml"
    with sandbox(seed=7, records=20) as portal:
        prepared(retro, portal, file, EMAILS.replace("9000,1205", "9000,0"))
        file.write_text(RETRO)
        retro("import", str(file))
        (line,) = [each for each in retro("plan").out.splitlines() if "D-email-ctr" in each]
    assert line.startswith("refusé  D-email-ctr: transactional_email_click_rate n'a rien compté")
    assert line.endswith("planifiez de nouveau")


def test_one_call_is_one() -> None:
    assert api_calls(1, "crm", "en") == "1 API call to crm"
    assert api_calls(2, "crm", "en") == "2 API calls to crm"
    assert api_calls(1, "crm", "fr") == "1 appel d'API vers crm"
    assert api_calls(3, "crm", "fr") == "3 appels d'API vers crm"
    assert decision_status("in_progress", "en") == "in_progress"
