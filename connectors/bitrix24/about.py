"""What somebody who connects a portal should know; `retro tools bitrix24` shows it."""

SCOPES = {
    "crm": "leads, deals, contacts, stage history, activities, KPI targets; needed",
    "task": "tasks by REST 2; needed",
    "user": "people (or user_basic, or user_brief, which tells no e-mails); needed",
    "userfieldconfig": "the fields of KPI targets; needed",
    "tasks": "tasks by REST 3, whose create can be repeated; without it they are made by REST 2",
    "im": "looking up a comment whose answer was lost; without it it counts as not sent",
}

LIMITS = (
    "50 requests at once and 2 a second per portal and address; Enterprise 250 and 5.",
    "50 rows a page, 50 pages a request, 60 seconds a request.",
    "About 480 seconds of server time per method in 10 minutes; bulk reads take 400 at most.",
)

QUIRKS = (
    "Rows that the webhook's user may not read are left out in silence: let an administrator "
    "make the webhook.",
    "Closing dates come from stage history: a deal's own close date is only a plan.",
    "A portal that reads the moments of filters without their offset is refused by the check.",
    "Events are neither signed nor repeated: they are hints, and a pull finds what was lost.",
    "Only tasks with our stamp or the tag retro-roi are mirrored.",
    "A task between its create and its stamp is found by XML_ID, or among what the webhook's user "
    "created since it was planned.",
    "Deleted activities, stage changes and people cannot be told from hidden ones.",
    "A renamed portal is followed, and its new address is kept after the run.",
)
