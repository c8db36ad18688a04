"""What somebody who connects a company should know; `retro tools pipedrive` shows it."""

SCOPES = {
    "deals:read": "deals, their stages and moves; needed",
    "leads:read": "leads; needed",
    "contacts:read": "persons; needed",
    "activities:full": "activities, and tasks as activities; needed",
    "users:read": "people; needed",
    "recents:read": "changelogs, where stage_history is all",
    "goals:full": "KPI targets as goals, where the setting goals names a KPI",
    "admin": "only for whoever makes the webhooks",
}

LIMITS = (
    "30,000 tokens a day times plan (1, 2, 5, 7) and seats, shared by all apps of the company.",
    "A list costs 10 (v2) or 20 (v1), one record 1 or 2, a write 5 or 10; 500 rows a page.",
    "20 to 120 requests in 2 seconds with an API token, by plan; an app four times as many.",
    "Pulls stop at four fifths of the day's tokens; the rest is for writes.",
)

QUIRKS = (
    "What the token's user may not see is missing in silence: use an administrator's token.",
    "Archived leads are read by full pulls and after webhooks: their list knows no changes.",
    "A converted lead is deleted there: it is read from the deal that names it, and goes with it.",
    "Moves between two pulls of one deal show as the last one, unless stage_history is all.",
    "An activity stands at one deal or lead; tags, parents and KPI targets are not shown on it.",
    "Goals count deals and activities: targets of shares and costs, all of ours, are activities.",
    "A task whose marker was taken out of its note is no longer known as ours.",
    "Webhooks are not signed: they are hints, and a pull finds what was lost.",
)
