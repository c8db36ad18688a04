"""Figures from the mirror: the store counts, the rules package makes values of the counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlmodel import Session

from connectors.models import Group, Stream
from rules.engine import evaluate
from rules.kpi_catalogue import Catalogue, KpiDefinition, Measure
from rules.kpis import KpiValue, Measures, Period, crossing, flagged, kpi_value
from rules.money import ExchangeRates, Money
from rules.proportions import Proportion
from rules.rule_file import Rule
from sync.store import measures as store
from sync.store.measures import Scope, Sums
from workers.app import App
from workers.rule_events import kpi_updated

STREAM_OF = {
    Measure.IMPRESSIONS: Stream.CAMPAIGN_STATS,
    Measure.CLICKS: Stream.CAMPAIGN_STATS,
    Measure.SESSIONS: Stream.CAMPAIGN_STATS,
    Measure.SPEND: Stream.CAMPAIGN_STATS,
    Measure.FORM_VIEWS: Stream.FORM_STATS,
    Measure.FORM_STARTS: Stream.FORM_STATS,
    Measure.FORM_COMPLETIONS: Stream.FORM_STATS,
    Measure.LEADS: Stream.LEADS,
    Measure.QUALIFIED_LEADS: Stream.LEADS,
    Measure.EMAILS_DELIVERED: Stream.EMAIL_STATS,
    Measure.EMAILS_CLICKED: Stream.EMAIL_STATS,
}


@dataclass(frozen=True)
class Figures:
    """Computes KPI values as they are known at `now` (business time), from what one session reads:
    whether a stream is complete is asked once for each scope, most KPIs share theirs."""

    app: App
    session: Session
    now: datetime
    _complete: dict[tuple[Stream, Scope], bool] = field(default_factory=dict, compare=False)

    def value(
        self,
        definition: KpiDefinition,
        period: Period,
        *,
        campaign: str | None = None,
        group: Group = Group.TREATED,
    ) -> KpiValue:
        """One KPI over all campaigns of its own, or over one."""
        named = campaign is not None
        scope = replace(
            self._scope(period, group),
            campaign=campaign,
            pattern=None if named else definition.campaigns,
        )
        slice_ = {} if campaign is None else {"campaign": campaign}
        if group is not Group.TREATED:
            slice_["group"] = group.value
        counted = self._measures(store.sums(self.session, scope), period, slice_)
        complete = self._is_complete(definition, scope)
        return kpi_value(definition, replace(counted, complete=complete), self._exchange(period))

    def of_counts(
        self,
        definition: KpiDefinition,
        period: Period,
        sample: Proportion,
        *,
        complete: bool,
        group: Group,
    ) -> KpiValue:
        """One KPI of counts that were kept, whatever the mirror holds now."""
        kept = Sums(
            {
                definition.numerator.value: sample.successes,
                definition.denominator.value: sample.trials,
            }
        )
        counted = self._measures(kept, period, {"group": group.value})
        return kpi_value(definition, replace(counted, complete=complete), self._exchange(period))

    def by_campaign(
        self, definitions: Sequence[KpiDefinition], period: Period
    ) -> dict[str, list[KpiValue]]:
        """Every KPI of every campaign that has figures in the period; "" is the slice of what has
        no campaign, without which the slices would not add up to the total."""
        scope = self._scope(period, Group.TREATED)
        return {
            campaign: self._of_campaign(definitions, campaign, scope, sums)
            for campaign, sums in sorted(store.sums_by_campaign(self.session, scope).items())
        }

    def of_campaign(
        self, definitions: Sequence[KpiDefinition], campaign: str, period: Period
    ) -> list[KpiValue]:
        """Every KPI of one campaign; none where the period holds nothing of it."""
        scope = replace(self._scope(period, Group.TREATED), campaign=campaign)
        sums = store.sums_by_campaign(self.session, scope).get(campaign)
        return [] if sums is None else self._of_campaign(definitions, campaign, scope, sums)

    def _of_campaign(
        self, definitions: Sequence[KpiDefinition], campaign: str, scope: Scope, sums: Sums
    ) -> list[KpiValue]:
        period, narrow = Period(scope.start, scope.end), replace(scope, campaign=campaign)
        counted = self._measures(sums, period, {"campaign": campaign})
        return [
            kpi_value(
                definition,
                replace(counted, complete=self._is_complete(definition, narrow)),
                self._exchange(period),
            )
            for definition in definitions
            if definition.campaigns is None or store.fits(campaign, definition.campaigns)
        ]

    def _is_complete(self, definition: KpiDefinition, scope: Scope) -> bool:
        return all(self._reaches(stream, scope) for stream in _streams(definition))

    def _reaches(self, stream: Stream, scope: Scope) -> bool:
        asked = (stream, scope)
        if asked not in self._complete:
            self._complete[asked] = store.is_complete(self.session, [stream], scope)
        return self._complete[asked]

    def campaigns(self, definition: KpiDefinition, period: Period) -> tuple[str, ...]:
        """Those that have a figure of the KPI, whatever campaigns it is kept to."""
        scope = self._scope(period, Group.TREATED)
        parts = (definition.numerator.value, definition.denominator.value)
        found = store.sums_by_campaign(self.session, scope)
        return tuple(
            sorted(
                name for name, sums in found.items() if name and any(map(sums.counts.get, parts))
            )
        )

    def _measures(self, sums: Sums, period: Period, slice_: dict[str, str]) -> Measures:
        return Measures(
            period=period,
            slice=slice_,
            counts={
                measure: sums.counts[measure.value]
                for measure in Measure
                if measure.value in sums.counts
            },
            spend=tuple(Money(amount, currency) for currency, amount in sorted(sums.spend.items())),
            complete=True,
            as_of=self.now.astimezone(self.app.settings.tz),
        )

    def _scope(self, period: Period, group: Group) -> Scope:
        return Scope(period.start, period.end, self.app.settings.tz.key, group=group)

    def _exchange(self, period: Period) -> ExchangeRates:
        """No rates are kept yet: amounts in another currency are said to miss theirs."""
        return ExchangeRates(self.app.settings.currency, period.end, {})


def _streams(definition: KpiDefinition) -> list[Stream]:
    return sorted({STREAM_OF[definition.numerator], STREAM_OF[definition.denominator]})


def with_flags(
    values: Iterable[KpiValue], catalogue: Catalogue, rules: Sequence[Rule], now: datetime
) -> list[KpiValue]:
    """Each value under its floor with the rule that would fire on it, whatever fired before."""
    definitions = catalogue.by_code()
    return [_with_flag(value, definitions[value.code], rules, now) for value in values]


def _with_flag(
    value: KpiValue, definition: KpiDefinition, rules: Sequence[Rule], now: datetime
) -> KpiValue:
    seen = crossing(definition, value)
    if seen is None:
        return value
    event, facts = kpi_updated(value, now)
    fired = (each for each in evaluate(rules, event, facts, now=now, history=()) if each.fired)
    first = next(fired, None)
    return value if first is None else flagged(value, first.rule, seen)
