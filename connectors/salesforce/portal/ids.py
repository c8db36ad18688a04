"""Ids of 18 characters: 15 that tell capitals apart, and 3 by which they can be told without."""

import string

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
CHECKS = string.ascii_uppercase + "012345"
SHORT, LONG = 15, 18
PREFIXES = {
    "Lead": "00Q",
    "Opportunity": "006",
    "OpportunityHistory": "008",
    "OpportunityStage": "01J",
    "LeadStatus": "01K",
    "TaskStatus": "01T",
    "Campaign": "701",
    "CampaignMember": "00v",
    "Task": "00T",
    "User": "005",
    "Organization": "00D",
    "ForecastingQuota": "0J9",
    "ForecastingType": "0Db",
    "Retro_KPI_Target__c": "a0A",
}


def numbered(kind: str, number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, len(BASE62))
        digits = BASE62[rest] + digits
    return long(f"{PREFIXES[kind]}Qy{digits.rjust(SHORT - 5, '0')}")


def long(short: str) -> str:
    """The form that is safe everywhere."""
    if len(short) != SHORT:
        return short
    suffix = ""
    for start in (0, 5, 10):
        chunk = short[start : start + 5]
        suffix += CHECKS[sum(1 << place for place, one in enumerate(chunk) if one.isupper())]
    return short + suffix
