"""The demo's report for people, in their language; only what the French company wrote or was told
is quoted as it stands in its tools."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from rules.figure_words import percent
from rules.kpi_catalogue import KpiDefinition
from rules.language import Language, business_days, day
from workers.cli.output import Output
from workers.demo.moments import PARIS
from workers.demo.observe import Report
from workers.demo.words import words
from workers.demo.world import people

RATE_DIGITS = 2


def step_line(name: str, moment: datetime, language: Language) -> str:
    local = moment.astimezone(PARIS)
    at = f"{day(local.date(), language)} {local:%H:%M}"
    return f"{name:<4}  {at}  {words(f'step.{name}', language)}"


@dataclass(frozen=True)
class Telling:
    output: Output
    language: Language
    kpis: dict[str, KpiDefinition]

    def tell(self, report: Report) -> None:
        self._say("\n", "zone")
        self._say("", "quoted")
        self._came_in(report["S01"])
        self._figures(report["S01"])
        self._retro(report["S02"], report["S03"])
        self._decision(report["S10"])
        self._follow_up(report)
        self._check(report["S15"])

    def _came_in(self, step: dict[str, Any]) -> None:
        streams = ", ".join(
            words(
                f"stream.{name}",
                self.language,
                n=self._count(count),
                pipelines=step["pipelines"],
            )
            for name, count in step["came_in"].items()
        )
        self._say("\n", "came_in", streams=streams)

    def _figures(self, step: dict[str, Any]) -> None:
        rows = [
            (
                self._kpi(code),
                self._percent(value["value"]),
                " – ".join(self._percent(bound) for bound in value["wilson95"] or ()),
                f"{self._count(value['numerator'])} / {self._count(value['denominator'])}",
            )
            for code, value in step["kpis"].items()
        ]
        title = words("said.kpis", self.language, campaign=step["campaign"])
        self._table(f"\n{title}", ("kpi", "value", "interval", "counts"), rows)
        if step["cpql_eur"] is not None:
            self._say("", "cost_per_lead", cost=self._euros(step["cpql_eur"]))
        for flag in step["flags"]:
            self._say(
                "",
                "flag",
                rule=flag["rule_fired"],
                title=words(f"rule.{flag['rule_fired']}", self.language),
                kpi=self._kpi(flag["kpi"]),
                floor=percent(flag["floor"], self.language, digits=0),
                certainty=flag["in_words"][self.language],
            )
        if step["weakest_stage"]:
            self._say("", "weakest", kpi=self._kpi(step["weakest_stage"]))
        else:
            self._say("", "no_weakest")

    def _retro(self, retro: dict[str, Any], hypothesis: dict[str, Any]) -> None:
        if retro["meeting_cost_eur"] is None:
            self._say("\n", "retro_cost_unknown")
        else:
            self._say("\n", "retro_cost", cost=self._euros(retro["meeting_cost_eur"]))
        for each in retro["carried_over"]:
            self._say("", "carried_over", days=each["age_days"], title=each["title"])
        for each in retro["observations"]:
            outcome = words(f"outcome.{each['outcome']}", self.language)
            self._say("", "observation", id=each["id"], outcome=outcome, reason=each["reason"])
        warning = hypothesis["warnings"][self.language]
        if warning:
            self._say("", "warning", warning=warning)

    def _decision(self, step: dict[str, Any]) -> None:
        row = step["kpi_target_row"]
        self._say(
            "\n",
            "decided",
            owner=_name(step["parent_owner"]),
            kpi=self._kpi(row["kpi"]),
            baseline=self._percent(row["baseline"]["value"], RATE_DIGITS),
            target=self._percent(row["target_value"], RATE_DIGITS),
            emails=self._count(step["n_per_period_to_see_15_percent"]),
        )
        rule = step["rule_fired"]
        self._say("", "because", rule=rule, title=words(f"rule.{rule}", self.language))
        tasks = list(zip(step["task_payloads"], step["child_tasks"], strict=True))
        rows = [
            (
                task["id"],
                words(f"role.{child['role']}", self.language),
                _name(child["owner"]),
                self._day(child["due"]),
            )
            for task, child in tasks
        ]
        self._table("", ("task", "role", "owner", "due"), rows)
        for title in dict.fromkeys(task["title"] for task, _ in tasks):
            self._say("", "all_titled", title=title)

    def _follow_up(self, report: Report) -> None:
        reminder, late, measure = report["S11"], report["S13"], report["S14"]
        if reminder["reminders"]:
            self._say(
                "\n",
                "reminded",
                left=business_days(reminder["business_days_to_due"], self.language),
                due=self._day(reminder["due"]),
                people=", ".join(map(_name, reminder["reminders"])),
            )
        else:
            self._say("\n", "nobody_reminded")
        for step in (report["S12"], report["S12b"]):
            self._done(step)
        self._say(
            "",
            "escalated",
            late=business_days(late["overdue_business_days"] or 0, self.language),
            above=_name(late["escalated_to"]),
            person=_name(late["reminder_to"]),
            status=words(f"decision.{late['decision_status']}", self.language),
        )
        self._done(measure)
        first, last = (self._day(each) for each in measure["measure_window"])
        self._say("", "measured", first=first, last=last, day=self._day(measure["recheck_on"]))

    def _done(self, step: dict[str, Any]) -> None:
        at = datetime.fromisoformat(step["at"]).astimezone(PARIS).date()
        done, total = step["progress_done"], step["progress_total"]
        self._say("", "done", day=day(at, self.language), done=done, total=total)

    def _check(self, step: dict[str, Any]) -> None:
        if step["verdict"] is None:
            return
        self._say("\n", "recheck", verdict=step["verdicts"][self.language])
        grade = step["evidence_grades"][self.language]
        self.output.text(
            f"{step['messages'][self.language]}. "
            f"{words('said.evidence', self.language, grade=grade)}"
        )

    def _say(self, before: str, name: str, **values: object) -> None:
        self.output.text(f"{before}{words(f'said.{name}', self.language, **values)}")

    def _table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        heads = [words(f"said.{column}", self.language) for column in columns]
        self.output.table(title, heads, rows)

    def _kpi(self, code: str) -> str:
        title: str = getattr(self.kpis[code].title, self.language)
        return title

    def _day(self, iso: str) -> str:
        return day(date.fromisoformat(iso), self.language)

    def _count(self, count: int) -> str:
        return f"{count:,}" if self.language == "en" else f"{count:,}".replace(",", "\u202f")

    def _euros(self, amount: float) -> str:
        return f"{amount:.2f} €".replace(".", "," if self.language == "fr" else ".")

    def _percent(self, share: float | None, digits: int = 1) -> str:
        return "–" if share is None else percent(share, self.language, digits=digits)


def _name(person_id: str | None) -> str:
    """The name of somebody of the company."""
    return next((each.name for each in people() if each.id == person_id), person_id or "–")
