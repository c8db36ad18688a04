"""Words of the commands whose content is in the language of the team."""

from collections.abc import Mapping

from rules.language import Language, Words
from rules.words import DecisionStatus

TASK: Words = {"en": "task", "fr": "tâche"}
TARGET: Words = {"en": "target", "fr": "cible"}
REFUSED: Words = {"en": "refused", "fr": "refusé"}
CHECKED_ON: Words = {"en": "checked on {day}", "fr": "vérifiée le {day}"}
RULE: Words = {
    "en": "rule {id} ({name}) because {facts}",
    "fr": "règle {id} ({name}) car {facts}",
}
IN: Words = {"en": "in {place}: {form}", "fr": "dans {place} : {form}"}
UNREAD: Words = {
    "en": "The tasks of {place} were never read: one that another installation made of these "
    "decisions would be made again. First: retro pull {place} --stream tasks",
    "fr": "Les tâches de {place} n'ont jamais été lues : celle qu'une autre installation a créée "
    "pour ces décisions serait créée de nouveau. D'abord : retro pull {place} --stream tasks",
}
NOTHING_TO_PLAN: Words = {
    "en": "Nothing is waiting to be planned.",
    "fr": "Rien n'attend d'être planifié.",
}
ONE_UNDELIVERED: Words = {
    "en": "{place}: 1 write is not delivered; retro outbox says why.",
    "fr": "{place} : 1 écriture n'est pas livrée ; retro outbox dit pourquoi.",
}
UNDELIVERED: Words = {
    "en": "{place}: {n} writes are not delivered; retro outbox says why.",
    "fr": "{place} : {n} écritures ne sont pas livrées ; retro outbox dit pourquoi.",
}
NOTHING_TO_SEND: Words = {"en": "Nothing to send.", "fr": "Rien à envoyer."}
ONE_CALL: Words = {"en": "1 API call to {place}", "fr": "1 appel d'API vers {place}"}
CALLS: Words = {"en": "{n} API calls to {place}", "fr": "{n} appels d'API vers {place}"}
TASK_GONE: Words = {
    "en": "{key}: its task was deleted in the tool; retro conflicts --all tells more.",
    "fr": "{key} : sa tâche a été supprimée dans l'outil ; retro conflicts --all en dit plus.",
}
TASK_TAKEN_BACK: Words = {
    "en": "{key}: its task was taken back; to make it again: retro outbox retry {create}",
    "fr": "{key} : sa tâche a été reprise ; pour la refaire : retro outbox retry {create}",
}
UNDATED: Words = {
    "en": "{key}: no due date in {place} since {day}, so {due} counts here; set one there, or "
    "another day with retro action {key} --due",
    "fr": "{key} : sans échéance dans {place} depuis le {day}, donc le {due} vaut ici ; "
    "fixez-en une là-bas, ou un autre jour par retro action {key} --due",
}
DECISION_COLUMNS: Mapping[Language, tuple[str, ...]] = {
    "en": ("id", "status", "accountable", "due_on", "done", "total"),
    "fr": ("id", "état", "responsable", "échéance", "faites", "total"),
}
IN_FRENCH: Mapping[str, str] = {
    DecisionStatus.ACCEPTED: "acceptée",
    DecisionStatus.IN_PROGRESS: "en cours",
    DecisionStatus.AT_RISK: "à risque",
    DecisionStatus.DONE_AWAITING_MEASURE: "faite, à mesurer",
    DecisionStatus.MEASURED: "mesurée",
    DecisionStatus.CLOSED: "close",
}


def api_calls(n: int, place: str, language: Language) -> str:
    return (ONE_CALL if n == 1 else CALLS)[language].format(n=n, place=place)


def undelivered(n: int, place: str, language: Language) -> str:
    return (ONE_UNDELIVERED if n == 1 else UNDELIVERED)[language].format(n=n, place=place)


def decision_status(status: str, language: Language) -> str:
    """The words of `--json` in English."""
    return IN_FRENCH.get(status, status) if language == "fr" else status
