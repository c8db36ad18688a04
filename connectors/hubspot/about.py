"""What somebody who connects an account should know; `retro tools hubspot` shows it."""

SCOPES = {
    "crm.objects.contacts.read and .write": "contacts and tasks; needed",
    "crm.objects.deals.read": "deals, their pipelines and stages; needed",
    "crm.objects.owners.read": "people; needed",
    "crm.objects.leads.read": "leads; without it set leads=false",
    "marketing.campaigns.read": "figures of campaigns; without it set campaigns=false",
    "crm.schemas.contacts.write": "our key as a field of tasks; else it is a line of their text",
    "crm.objects.goals.read and .write": "KPI targets as goals, where goal_template names one",
}

LIMITS = (
    "100 requests in 10 seconds per app (190 from Professional on), 250,000 a day per account.",
    "Searches: 5 a second per account, of all apps together.",
    "100 rows a page, 50 with their history, 200 in a search; 10,000 rows a search.",
)

QUIRKS = (
    "Changes are searched by id within a time window, so the cap of a search cuts off nothing.",
    "A search shows changes some moments late: the last 2 minutes are read by the next pull.",
    "Service keys get no webhooks: those need an app, its client_secret and hook_url.",
    "Deals and leads keep no campaign words of their own: map the fields that do under utm.",
    "KPI targets are tasks due on the re-check; goals where goal_template.<KPI> names one to copy.",
    "Comments on tasks have no documented call and are not sent.",
    "A merged record counts as deleted: what it was is in the record that won.",
    "Spend counts on the day it was entered; sessions are asked for day by day.",
)
