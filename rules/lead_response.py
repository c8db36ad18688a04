"""How fast leads are answered, from minutes already counted in opening hours."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, median, quantiles

from rules.proportions import Interval, Proportion, wilson_interval

PROMPT_MINUTES = 60


@dataclass(frozen=True, slots=True)
class FirstContact:
    """One lead. All three are minutes; an unanswered lead has only its open age.

    `elapsed` is negative when the contact was noted before the lead came in.
    """

    lead: str
    business: float | None
    elapsed: float | None
    open_age_business: float | None


@dataclass(frozen=True, slots=True)
class LeadResponse:
    """Business minutes of the answered leads, beside those still waiting.

    Median, mean and 90th percentile cannot know how long open leads will wait, so they flatter.
    `prompt` counts those too: of the leads answered or open for over an hour, those answered
    within it.
    """

    answered: int
    median: float | None
    mean: float | None
    ninetieth_percentile: float | None
    median_elapsed: float | None
    prompt: Proportion | None
    prompt_interval: Interval | None
    unanswered: int
    open_ages: tuple[float, ...]
    """Business minutes the unanswered have waited, longest first."""
    negative: tuple[str, ...]
    """Leads with a contact before their receipt, left out of every figure."""


def lead_response(contacts: Iterable[FirstContact]) -> LeadResponse:
    sound: list[FirstContact] = []
    negative: list[str] = []
    for each in contacts:
        if each.elapsed is not None and each.elapsed < 0:
            negative.append(each.lead)
        else:
            sound.append(each)
    business = [each.business for each in sound if each.business is not None]
    elapsed = [each.elapsed for each in sound if each.elapsed is not None]
    open_ages = [each.open_age_business or 0 for each in sound if each.business is None]
    settled = len(business) + sum(age > PROMPT_MINUTES for age in open_ages)
    within = sum(minutes <= PROMPT_MINUTES for minutes in business)
    prompt = Proportion(within, settled) if settled else None
    return LeadResponse(
        answered=len(business),
        median=median(business) if business else None,
        mean=mean(business) if business else None,
        ninetieth_percentile=_ninetieth_percentile(business),
        median_elapsed=median(elapsed) if elapsed else None,
        prompt=prompt,
        prompt_interval=wilson_interval(prompt) if prompt else None,
        unanswered=len(open_ages),
        open_ages=tuple(sorted(open_ages, reverse=True)),
        negative=tuple(negative),
    )


def _ninetieth_percentile(minutes: Sequence[float]) -> float | None:
    """By linear interpolation between the two nearest leads."""
    if len(minutes) < 2:
        return minutes[0] if minutes else None
    return quantiles(minutes, n=10, method="inclusive")[-1]
