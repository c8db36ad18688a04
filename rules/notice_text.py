"""What people are told about a task that is due, or late."""

from datetime import datetime

from rules.calendars import Calendar, business_days_between
from rules.language import Language, Words, business_days, day
from rules.plan import ActionState

DUE: Words = {
    "en": "“{title}” is due on {due}, in {left}.",
    "fr": "« {title} » est à rendre le {due}, dans {left}.",
}
DUE_TODAY: Words = {
    "en": "“{title}” is due today, {due}.",
    "fr": "« {title} » est à rendre aujourd'hui, {due}.",
}
LATE: Words = {
    "en": "“{title}” was due on {due} and is {late} late.",
    "fr": "« {title} » était à rendre le {due} : {late} de retard.",
}
OF_OWNER: Words = {"en": "{text} Owner: {owner}.", "fr": "{text} Responsable : {owner}."}
OWNER_LEFT: Words = {
    "en": "{gone} has left: {about} went to {owner} ({reason}).",
    "fr": "{gone} a quitté l'entreprise : {about} passe à {owner} ({reason}).",
}


def task_text(action: ActionState, calendar: Calendar, now: datetime, language: Language) -> str:
    """`calendar` is the owner's."""
    today, due = calendar.day_of(now), calendar.day_of(action.due_at)
    words = {"title": action.title, "due": day(due, language)}
    if today > due:
        late = business_days_between(due, today, calendar)
        return LATE[language].format(**words, late=business_days(late, language))
    if today == due:
        return DUE_TODAY[language].format(**words)
    left = business_days_between(today, due, calendar)
    return DUE[language].format(**words, left=business_days(left, language))
