"""What somebody who connects a Tryton server should know; `retro tools tryton` shows it."""

SCOPES = {
    "modules sale_opportunity and project_plan": "opportunities, tasks with an owner; needed",
    "group Sales": "reading leads and opportunities; needed",
    "group Project Administration": "making and changing tasks; needed",
    "user application of the kind REST": "the key, validated by an administrator; needed",
}

LIMITS = (
    "None is published; the server has Tryton's REST of 8.0 or newer.",
    "500 records a page unless set otherwise; one request more a page for the log of transitions.",
)

QUIRKS = (
    "Every sale opportunity is a lead; one that ever left the state Lead for Opportunity or "
    "Converted is a deal too, with the same id.",
    "When a state was entered is told by Tryton's log of transitions, to the microsecond.",
    "Tasks are works of projects. The owner is the employee who was allocated first, the due date "
    "is the constraint finish time.",
    "Our key stands in the last line of a task's comment; a task that loses the line is kept by "
    "its id.",
    "A KPI target is a task as well: Tryton has no object for it.",
    "A task is never deleted with its allocations: Tryton 8.2 would loop for ever over them.",
    "There are no webhooks, and what was deleted shows only when everything is read.",
    "Records that rules hide from the key's user cannot be told from deleted ones.",
)
