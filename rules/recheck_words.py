"""A re-check in honest words: every sentence follows from the figures, in English and French."""

from rules.figure_words import percent, round_percent
from rules.language import Language
from rules.proportions import Proportion, wilson_interval
from rules.recheck import Change, Doubt, EvidenceGrade, Movement, Outcome, Recheck
from rules.two_groups import LogRatio

POINTS = 100

# A shift of the traffic between two periods is no fault here, so a test of the split would alarm
# about nothing.
SRM_CHECK = {
    "en": "not run: this is not a randomised test",
    "fr": "non effectué : ce n'est pas un test randomisé",
}

EVIDENCE = {
    ("en", EvidenceGrade.B): "B (before/after with control group)",
    ("en", EvidenceGrade.C): "C (before/after)",
    ("fr", EvidenceGrade.B): "B (avant/après avec groupe témoin)",
    ("fr", EvidenceGrade.C): "C (avant/après)",
}

MOVEMENT = {
    ("en", Movement.IMPROVED): "improved",
    ("en", Movement.UNCHANGED): "no change shown",
    ("en", Movement.WORSENED): "worsened",
    ("fr", Movement.IMPROVED): "amélioré",
    ("fr", Movement.UNCHANGED): "aucun changement démontré",
    ("fr", Movement.WORSENED): "dégradé",
}

LIKE_THE_CONTROL = {
    "en": ", but not provably more than the control group",
    "fr": ", mais pas de façon prouvée plus que le groupe témoin",
}

DOUBT = {
    ("en", Doubt.INCOMPLETE): "the data are incomplete",
    ("en", Doubt.NOT_RIPE): "the figures still grow by themselves",
    ("en", Doubt.DEFINITION_CHANGED): "the KPI was defined otherwise in the baseline",
    ("en", Doubt.TOO_FEW): "the sample is too small",
    ("en", Doubt.NOTHING_COUNTED): "nothing was counted since",
    ("en", Doubt.UNUSABLE_CONTROL): "the control group cannot be compared",
    ("fr", Doubt.INCOMPLETE): "les données sont incomplètes",
    ("fr", Doubt.NOT_RIPE): "les chiffres évoluent encore d'eux-mêmes",
    ("fr", Doubt.DEFINITION_CHANGED): "la référence suivait une autre définition du KPI",
    ("fr", Doubt.TOO_FEW): "l'échantillon est trop petit",
    ("fr", Doubt.NOTHING_COUNTED): "rien n'a été compté depuis",
    ("fr", Doubt.UNUSABLE_CONTROL): "le groupe témoin n'est pas comparable",
}


def verdict(check: Recheck, language: Language) -> str:
    """`improved; target met on the point estimate, not proven`, and any doubt after it."""
    if check.outcome is Outcome.UNKNOWN:
        return {
            "en": "unknown: no sound figure since the target was set",
            "fr": "inconnu : aucun chiffre valable depuis que la cible est fixée",
        }[language]
    clauses = [_target_clause(check, language)]
    if check.change:
        like = check.change.movement is not Movement.UNCHANGED and check.beyond_control is False
        moved = MOVEMENT[language, check.change.movement]
        clauses.insert(0, moved + (LIKE_THE_CONTROL[language] if like else ""))
    return _joined([*clauses, *_doubts(check, language)], language)


def message(check: Recheck, language: Language) -> str:
    """The change with its interval, the chances of the target, and any doubt about them."""
    if check.change is None:
        return verdict(check, language)
    ratio, target = check.change.ratio, round_percent(check.target.relative, language, sign=True)
    change = percent(ratio.relative, language, sign=True)
    low = percent(ratio.interval.low, language, sign=True)
    high = percent(ratio.interval.high, language, sign=True)
    chance = percent(check.change.p_target_reached, language, digits=0)
    against = check.control.change if check.control else None
    if language == "en":
        text = (
            f"{change} (95 % CI {low} to {high}); "
            f"probability that the target of {target} is reached: {chance}"
        )
        trend = ", and {} with the control group's trend taken out"
    else:
        text = (
            f"{change} (IC 95 % {low} à {high}); "
            f"probabilité que la cible de {target} soit atteinte: {chance}"
        )
        trend = ", et {} après retrait de la tendance du groupe témoin"
    if against:
        text += trend.format(percent(against.p_target_reached, language, digits=0))
    return _joined([text, *_doubts(check, language)], language)


def to_json(check: Recheck, language: Language) -> dict[str, object]:
    """The re-check for reports: unrounded figures, differences in points, and the words."""
    return {
        "stats": _figures(check),
        "outcome": check.outcome,
        "status": check.status,
        "doubts": list(check.doubts),
        "verdict": verdict(check, language),
        "message": message(check, language),
        "srm_check": SRM_CHECK[language],
        "evidence_grade": EVIDENCE[language, check.evidence_grade],
    }


def _target_clause(check: Recheck, language: Language) -> str:
    if check.outcome is Outcome.MET:
        return {"en": "target met", "fr": "cible atteinte"}[language]
    if check.outcome is Outcome.MISSED:
        return {"en": "target missed", "fr": "cible manquée"}[language]
    # The chance exceeds one half exactly when the point estimate is past the target.
    if check.judged and all(change.p_target_reached >= 0.5 for change in check.judged):
        return {
            "en": "target met on the point estimate, not proven",
            "fr": "cible atteinte en estimation ponctuelle, non prouvé",
        }[language]
    return {
        "en": "target not met on the point estimate, not ruled out",
        "fr": "cible non atteinte en estimation ponctuelle, non exclu",
    }[language]


def _doubts(check: Recheck, language: Language) -> list[str]:
    return [DOUBT[language, doubt] for doubt in check.doubts]


def _joined(clauses: list[str], language: Language) -> str:
    return ("; " if language == "en" else " ; ").join(clauses)


def _figures(check: Recheck) -> dict[str, object]:
    figures: dict[str, object] = {
        "baseline": _counts(check.target.baseline.sample),
        "target_value": check.target.target_value,
        "after": _counts(check.after) if check.after else None,
    }
    if check.change:
        figures |= {
            "uplift_relative": check.change.ratio.relative,
            "uplift_relative_ci95": _bounds(check.change.ratio),
            "p_improved_one_sided": check.change.p_improved_one_sided,
            "p_target_reached": check.change.p_target_reached,
        }
    if check.control:
        points = check.control.points
        figures |= {
            "control_before": _counts(check.control.before),
            "control_after": _counts(check.control.after),
            "did_points": POINTS * points.estimate,
            "did_points_ci95": [POINTS * points.interval.low, POINTS * points.interval.high],
            "did_z": points.z,
        }
        if check.control.change:
            figures |= _relative(check.control.change)
    return figures


def _relative(change: Change) -> dict[str, object]:
    return {
        "did_relative": change.ratio.relative,
        "did_relative_ci95": _bounds(change.ratio),
        "did_p_target_reached": change.p_target_reached,
    }


def _counts(sample: Proportion) -> dict[str, object]:
    interval = wilson_interval(sample)
    return {
        "numerator": sample.successes,
        "denominator": sample.trials,
        "value": sample.value,
        "wilson95": [interval.low, interval.high],
    }


def _bounds(ratio: LogRatio) -> list[float]:
    return [ratio.interval.low, ratio.interval.high]
