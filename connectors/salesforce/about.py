"""What somebody who connects an org should know; `retro tools salesforce` shows it."""

SCOPES = {
    "api": "all calls; the external client app needs it",
    "refresh_token": "where the app goes by consent (sign_in=consent)",
    "API Enabled": "permission of the integration user",
    "View All on Lead, Opportunity, Campaign, Task": "else records are missing without an error",
    "Edit on Task": "tasks; and read access to all mapped fields (field-level security)",
}

LIMITS = (
    "100,000 requests and more in any 24 hours, by edition, of the whole org (Developer: 15,000).",
    "requests_per_day is what of them this service may use.",
    "2,000 rows a page, fewer where rows are wide; 2,000 records by id in a request.",
)

QUIRKS = (
    "A change shows minutes after its time stamp: the last 2 minutes are read by the next pull.",
    "Changes of formulas and of rates move no time stamp: a full pull reads them.",
    "Deletes show in full pulls: what is missing is looked for in the Recycle Bin.",
    "Tasks have a due day: the hour is a line at the end of their text.",
    "Our key on tasks is in key_field, best a unique external id; else it ends the subject.",
    "A task of a lead takes no other relation: where there is a deal, it is tied to that.",
    "Salesforce posts no webhooks that bear a proof: what changed is read by the schedule.",
)
