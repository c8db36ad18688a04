"""Plays the story step by step. What it reports is read back from the mirror and the portal."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from config.settings import Settings
from connectors.models import Stream
from connectors.port import readable_streams
from connectors.registry import tool
from rules.people import Person
from sync.store import connections, people, schedules
from sync.store.retros import save_rows
from sync.store.schedules import Timing
from sync.tables.people import Person as PersonRow
from workers.connecting import connect
from workers.demo import figures, observe
from workers.demo.counts import StoryCounts, perturbed
from workers.demo.later import LaterEvent, later_events
from workers.demo.moments import local
from workers.demo.observe import Report
from workers.demo.observe_funnel import funnel
from workers.demo.retros import JUNE, NOVEMBER, SEPTEMBER, retro_text
from workers.demo.stage import Stage, set_up
from workers.demo.world import load_world, story_counts
from workers.demo.world import people as company
from workers.doorbell import ring_for_pushes
from workers.planning import Planned, apply_plan, plan_decisions
from workers.retros import import_retro

SEED = 7
# The story jumps by weeks: tasks are pulled on each day it plays, everything else now and then.
EVERY_DAY, NOW_AND_THEN = timedelta(days=1), timedelta(days=30)
DECISION = "D-email-ctr"
EVENTS_SHOWN = 4
COMPLETED = 5


def play(settings: Settings, perturb: int | None, tell: Callable[[str, datetime], None]) -> Report:
    """The whole loop once, on a stage of its own. `tell` gets the name and the moment of each step.

    Raises CannotRun when the stage cannot be set up or does not come to rest.
    """
    counts = story_counts() if perturb is None else perturbed(story_counts(), perturb)
    arguments = ["--seed", str(SEED)]
    if perturb is not None:
        arguments += ["--perturb", str(perturb)]
    with set_up(settings, arguments) as stage:
        return Story(stage, counts, later_events(counts, SEED), tell).play()


@dataclass
class Story:
    stage: Stage
    counts: StoryCounts
    coming: list[LaterEvent]
    tell: Callable[[str, datetime], None]
    report: Report = field(default_factory=dict)
    written_for: date | None = None

    def play(self) -> Report:
        steps: list[tuple[str, datetime, Callable[[], dict[str, Any]]]] = [
            ("S01", local(date(2026, 9, 21), 6), self._pull),
            ("S02", local(date(2026, 9, 21), 10), self._september_retro),
            ("S03", local(date(2026, 9, 21), 11), self._hypothesis),
            ("S10", local(date(2026, 11, 23), 10, 45), self._decide),
            ("S11", local(date(2026, 12, 10), 9), self._reminder),
            ("S12", local(date(2026, 12, 11), 15), self._designer_done),
            ("S12b", local(date(2026, 12, 14), 11), self._marketer_done),
            ("S13", local(date(2026, 12, 16), 9), self._escalation),
            ("S14", local(date(2026, 12, 17), 16), self._copywriter_done),
            ("S15", local(date(2027, 1, 15), 8), self._recheck),
        ]
        for name, moment, step in steps:
            self.tell(name, moment)
            self._go_to(moment)
            self.report[name] = {"at": moment.isoformat(), **step()}
        return self.report

    def _go_to(self, moment: datetime) -> None:
        """Time passes: what people of the company did meanwhile happens at its own moment.

        The last days before a step are enough to see the tools live.
        """
        passed = [event for event in self.coming if event.at <= moment]
        self.coming = self.coming[len(passed) :]
        for event in passed[-EVENTS_SHOWN:]:
            self.stage.set_time(event.at)
            self.stage.tell(event)
        if moment.date() != self.written_for:
            self.written_for = moment.date()
            folder = self.stage.folder / "figures"
            figures.write_figures(folder, self.counts, SEED, self.written_for)
        self.stage.set_time(moment)
        self.stage.wait_until_quiet()

    def _pull(self) -> dict[str, Any]:
        """the tools are connected, pulled on schedule, and the figures computed"""
        app, world = self.stage.app, load_world()
        with app.database.writing() as session:
            save_rows(session, (_person_row(each) for each in company()))
        stages = ",".join(world.portal.qualified_stages)
        connect(app, "bitrix24", "portal", {**self.stage.connect_with, "qualified_stages": stages})
        connect(app, "files", "figures", {"folder": str(self.stage.folder / "figures")})
        self._schedule("portal")
        self._schedule("figures")
        self.stage.wait_until_quiet()
        with app.database.writing() as session:
            portal = connections.connection_named(session, "portal")
            assert portal.id is not None
            people.match_by_email(session, portal.id)
        first = funnel(self.stage.app, self.counts)
        before = observe.mirror_state(app)
        with app.database.writing() as session:
            schedules.due_now(session, app.clock.now())
        self.stage.wait_until_quiet()
        again = observe.mirror_state(app)
        return {**first, "second_pull_is_idempotent": before == again}

    def _schedule(self, name: str) -> None:
        app = self.stage.app
        with app.database.writing() as session:
            row = connections.connection_named(session, name)
            for stream in readable_streams(tool(row.kind)):
                every = EVERY_DAY if stream is Stream.TASKS else NOW_AND_THEN
                timing = Timing(every=every, tz=app.settings.tz.key)
                schedules.set_schedule(session, row.id, stream, timing, app.clock.now())

    def _september_retro(self) -> dict[str, Any]:
        """the retro of September is held; its observation is parked with a reason"""
        app = self.stage.app
        import_retro(app, retro_text(JUNE, self.counts), JUNE)
        self._apply()
        text = retro_text(SEPTEMBER, self.counts)
        held = import_retro(app, text, SEPTEMBER)
        return observe.retro(app, held, text)

    def _hypothesis(self) -> dict[str, Any]:
        """its hypothesis is testable, and its guardrail is mandatory"""
        return observe.hypothesis(self.stage.app, "R-2026-09-21")

    def _decide(self) -> dict[str, Any]:
        """the retro of November decides; the plan becomes tasks and a target in the portal"""
        app = self.stage.app
        import_retro(app, retro_text(NOVEMBER, self.counts), NOVEMBER)
        planned = self._apply()
        return observe.decision(app, planned, DECISION, self.stage.portal_tasks())

    def _apply(self) -> Planned:
        app = self.stage.app
        planned = plan_decisions(app)
        with app.database.writing() as session:
            apply_plan(session, planned, app.clock.now())
        ring_for_pushes(app)
        self.stage.wait_until_quiet()
        return planned

    def _reminder(self) -> dict[str, Any]:
        """two business days before the due date everyone is reminded, in the task itself"""
        return observe.reminders(self.stage, DECISION)

    def _designer_done(self) -> dict[str, Any]:
        """the designer closes the task in the portal, whose event arrives twice"""
        self.stage.post_events_to(f"{self.stage.hooks_url}/hooks/portal", copies=2)
        self._complete("designer")
        observe.wait_for_deliveries(self.stage.app, 2)
        self.stage.wait_until_quiet()
        self.stage.post_events_to(None, copies=1)
        return observe.after_hook(self.stage.app, f"{DECISION}:designer")

    def _marketer_done(self) -> dict[str, Any]:
        """the marketer closes the next one, and the scheduled pull finds it"""
        return self._done_and_pulled("marketer")

    def _escalation(self) -> dict[str, Any]:
        """the last task is two business days late, and those above learn of it"""
        return observe.escalation(self.stage, DECISION)

    def _copywriter_done(self) -> dict[str, Any]:
        """the last task is done, and the days of the measure are set"""
        done = self._done_and_pulled("copywriter")
        return {**done, **observe.measure_window(self.stage.app, DECISION)}

    def _recheck(self) -> dict[str, Any]:
        """the target is checked on live data, against a group that was left alone"""
        return observe.recheck(self.stage, DECISION)

    def _done_and_pulled(self, role: str) -> dict[str, Any]:
        self._complete(role)
        app = self.stage.app
        with app.database.writing() as session:
            schedules.due_now(session, app.clock.now(), Stream.TASKS)
        self.stage.wait_until_quiet()
        return observe.task_state(app, f"{DECISION}:{role}")

    def _complete(self, role: str) -> None:
        key = f"{DECISION}:{role}"
        task = next(each for each in self.stage.portal_tasks() if each["key"] == key)
        self.stage.edit_task(task["id"], STATUS=COMPLETED)


def _person_row(person: Person) -> PersonRow:
    return PersonRow(**person.model_dump(exclude={"manager"}))
