"""The people, pipelines and properties of a seeded account."""

Stages = tuple[tuple[str, str, bool, str], ...]
OWNERS = (
    *(("5001", "Nadia", "Exemple"), ("5002", "Léo", "Exemple"), ("5003", "Mia", "Sample")),
    *(("5004", "Jonas", "Sample"), ("5005", "Inès", "Modèle")),
)
LEFT = "5005"
DEAL_STAGES: dict[str, Stages] = {
    "default": (
        ("appointmentscheduled", "Appointment scheduled", False, "0.2"),
        ("contractsent", "Contract sent", False, "0.9"),
        ("closedwon", "Closed won", True, "1.0"),
        ("closedlost", "Closed lost", True, "0.0"),
    ),
    "740012": (
        ("9001", "Renewal due", False, "0.5"),
        ("9002", "Renewed", True, "1.0"),
        ("9003", "Not renewed", True, "0.0"),
    ),
}
PIPELINE_NAMES = {"default": "Sales pipeline", "740012": "Renewals", "lead-pipeline-id": "Leads"}
LEAD_STAGES: dict[str, Stages] = {
    "lead-pipeline-id": (
        ("new-stage-id", "New", False, "0.1"),
        ("connected-stage-id", "Connected", False, "0.4"),
        ("qualified-stage-id", "Qualified", True, "1.0"),
        ("unqualified-stage-id", "Disqualified", True, "0.0"),
    )
}
PIPELINES: dict[str, dict[str, Stages]] = {"deals": DEAL_STAGES, "leads": LEAD_STAGES}
STAGE_PROPERTY = {"deals": "dealstage", "leads": "hs_pipeline_stage"}
SOURCES = ("ORGANIC_SEARCH", "PAID_SEARCH", "EMAIL_MARKETING", "PAID_SOCIAL", "DIRECT_TRAFFIC")
CAMPAIGNS = (
    ("1f0c4d52-0001-4000-8000-000000000001", "Brand Q3", "brand_q3"),
    ("1f0c4d52-0002-4000-8000-000000000002", "Rentrée & démo", "rentrée"),
    ("1f0c4d52-0003-4000-8000-000000000003", "Newsletter", None),
)

_TEXT, _NUMBER, _BOOL, _TIME, _CHOICE = "string", "number", "bool", "datetime", "enumeration"
COMMON = {"hubspot_owner_id": _CHOICE, "hs_object_id": _NUMBER, "hs_analytics_source": _CHOICE}
PROPERTIES: dict[str, dict[str, str]] = {
    "contacts": {
        **COMMON,
        **dict.fromkeys(("email", "firstname", "lastname", "phone", "company"), _TEXT),
        **dict.fromkeys(("jobtitle", "hs_analytics_first_url", "lifecyclestage"), _TEXT),
        **dict.fromkeys(("createdate", "lastmodifieddate"), _TIME),
    },
    "leads": {
        **COMMON,
        **dict.fromkeys(("hs_lead_name", "hs_lead_type", "hs_lead_label", "hs_pipeline"), _TEXT),
        "hs_pipeline_stage": _CHOICE,
        **dict.fromkeys(("hs_createdate", "hs_lastmodifieddate"), _TIME),
        **{f"hs_v2_date_entered_{s[0]}": _TIME for s in LEAD_STAGES["lead-pipeline-id"]},
        "retro_region": _TEXT,
    },
    "deals": {
        **COMMON,
        **dict.fromkeys(("dealname", "pipeline", "dealstage", "deal_currency_code"), _TEXT),
        **dict.fromkeys(("amount", "amount_in_home_currency"), _NUMBER),
        **dict.fromkeys(("hs_is_closed", "hs_is_closed_won"), _BOOL),
        **dict.fromkeys(("closedate", "createdate", "hs_lastmodifieddate"), _TIME),
        **dict.fromkeys(("utm_campaign_first", "retro_region"), _TEXT),
        "retro_seats": _NUMBER,
        "retro_urgent": _BOOL,
    },
    "tasks": {
        **COMMON,
        **dict.fromkeys(("hs_task_subject", "hs_task_body", "hs_task_reminders"), _TEXT),
        **dict.fromkeys(("hs_task_status", "hs_task_priority", "hs_task_type"), _CHOICE),
        **dict.fromkeys(("hs_timestamp", "hs_createdate", "hs_lastmodifieddate"), _TIME),
    },
    "goal_targets": {
        **COMMON,
        **dict.fromkeys(
            (
                *("hs_goal_name", "hs_goal_type", "hs_milestone", "hs_pipeline_ids"),
                *("hs_group_correlation_uuid", "hs_goal_target_group_id", "hs_assignee_team_id"),
                *("hs_kpi_unit_type", "hs_kpi_metric_type", "hs_kpi_object_type_id"),
                *("hs_kpi_property_name", "hs_template_id", "hs_should_notify_on_edit_updates"),
            ),
            _TEXT,
        ),
        **dict.fromkeys(("hs_target_amount", "hs_kpi_value"), _NUMBER),
        **dict.fromkeys(("hs_start_datetime", "hs_end_datetime"), _TIME),
        **dict.fromkeys(("hs_createdate", "hs_lastmodifieddate"), _TIME),
    },
}
TASK_CHOICES = {
    "hs_task_status": {"NOT_STARTED", "IN_PROGRESS", "WAITING", "DEFERRED", "COMPLETED"},
    "hs_task_priority": {"NONE", "LOW", "MEDIUM", "HIGH"},
    "hs_task_type": {"TODO", "CALL", "EMAIL"},
}
# Association types by (from, to), the primary ones apart.
LINKS = {
    ("tasks", "contacts"): {204},
    ("tasks", "deals"): {216},
    ("tasks", "leads"): {647},
    ("leads", "contacts"): {608, 578},
    ("leads", "deals"): {1037, 582},
    ("contacts", "leads"): {609},
    ("contacts", "tasks"): {203},
    ("deals", "tasks"): {215},
    ("leads", "tasks"): {646},
    ("deals", "contacts"): {3},
    ("goal_targets", "deals"): {1356},
}


def is_closed(entity: str, stage: str) -> tuple[bool, bool]:
    """Whether a stage is final, and whether it is won."""
    for stages in PIPELINES[entity].values():
        for id_, _, closed, probability in stages:
            if id_ == stage:
                return closed, closed and probability == "1.0"
    return False, False


def pipeline_of(entity: str, stage: str) -> str:
    found = (
        pipeline
        for pipeline, stages in PIPELINES[entity].items()
        if any(one[0] == stage for one in stages)
    )
    return next(found, "")
