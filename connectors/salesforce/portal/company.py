"""The company whose org this is: its users, its stages, its words."""

# Id number, name, active, time zone, may have quotas, kind.
STANDARD = "Standard"
USERS = (
    (1, "Nadia Exemple", True, "Europe/Paris", True, STANDARD),
    (2, "Léo Exemple", True, "America/New_York", True, STANDARD),
    (3, "Mina Exemple", True, "Asia/Kolkata", False, STANDARD),
    (4, "Gone Away", False, "Europe/Paris", False, STANDARD),
    (5, "A Customer", True, "Europe/Paris", False, "CspLitePortal"),
    (9, "Retro Integration", True, "UTC", False, STANDARD),
)
INTEGRATION = 9
# API value, label, closed, won, probability, forecast category, active.
STAGES = (
    ("Prospecting", "Prospecting", False, False, 10, "Pipeline", True),
    ("Qualification", "Qualification", False, False, 20, "Pipeline", True),
    ("Pilot", "Pilot (old)", False, False, 40, "Pipeline", False),
    ("Proposal", "Proposal/Price Quote", False, False, 75, "Best Case", True),
    ("Closed Won", "Closed Won", True, True, 100, "Closed", True),
    ("Closed Lost", "Closed Lost", True, False, 0, "Omitted", True),
)
# API value, converted.
LEAD_STATUSES = (
    ("Open - Not Contacted", False),
    ("Working - Contacted", False),
    ("Closed - Converted", True),
    ("Closed - Not Converted", False),
)
# API value, closed, default.
TASK_STATUSES = (
    ("Not Started", False, True),
    ("In Progress", False, False),
    ("Completed", True, False),
    ("Waiting on someone else", False, False),
    ("Deferred", False, False),
)
SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", None)
# Name, days since its start, days it takes (None: no end), cost.
CAMPAIGNS = (
    ("brand_q4", 20, 60, 4200.5),
    ("rentrée", 80, 30, 1500.0),
    ("webinar", 5, None, None),
)
QUOTA_TYPE, OLD_QUOTA_TYPE = "0DbQy0000000001AAA", "0DbQy0000000002AAA"
# Id, name, of money, active.
FORECASTS = (
    (QUOTA_TYPE, "OpportunityRevenue", True, True),
    (OLD_QUOTA_TYPE, "OpportunityQuantity", False, False),
)


def stage(value: str) -> tuple[bool, bool, int, str]:
    """Closed, won, probability, forecast category."""
    for name, _, closed, won, probability, category, _ in STAGES:
        if name == value:
            return closed, won, probability, category
    return False, False, 0, "Pipeline"
