"""Puts a portal together, from a seed or from given rows."""

import re
from collections.abc import Sequence
from datetime import timedelta, timezone, tzinfo
from random import Random
from zoneinfo import ZoneInfo

from connectors.bitrix24.portal import company
from connectors.bitrix24.portal.data import PortalData, Row
from connectors.bitrix24.portal.entity import Entity, ItemEntity
from connectors.bitrix24.portal.events import Events
from connectors.bitrix24.portal.history import (
    ACTIVITIES,
    HISTORY,
    LEAD_HISTORY,
    SeededActivities,
    SeededHistory,
)
from connectors.bitrix24.portal.oauth import application_token
from connectors.bitrix24.portal.options import SandboxOptions
from connectors.bitrix24.portal.schema import (
    CONTACT,
    DEAL,
    LEAD,
    base_schema,
    custom_field,
    new_item,
)
from connectors.bitrix24.portal.seeded import SeededContacts, SeededDeals, SeededLeads
from connectors.bitrix24.portal.shapes import contact_shapes, deal_shapes, lead_shapes, shape_count
from connectors.bitrix24.portal.state import Portal
from connectors.bitrix24.portal.zone import PortalZone
from connectors.sandbox.clock import Clock
from connectors.sandbox.delivery import Courier

OFFSET = re.compile(r"([+-])(\d\d):(\d\d)")


def build_portal(options: SandboxOptions, clock: Clock, courier: Courier) -> Portal:
    zone = PortalZone(_zone(options.zone), options.moments)
    events = Events(options, clock, zone, application_token(options), courier)
    if options.data is None:
        return _seeded_portal(options, clock, zone, events)
    return _given_portal(options, options.data, clock, zone, events)


def _seeded_portal(
    options: SandboxOptions, clock: Clock, zone: PortalZone, events: Events
) -> Portal:
    random = Random(options.seed)  # noqa: S311 - repeatable rows are the point
    schemas = {id_: base_schema(id_) for id_ in (LEAD, DEAL, CONTACT)}
    for config in company.DEAL_FIELDS:
        schemas[DEAL] = schemas[DEAL].with_field(custom_field(config))
    many = shape_count(options.records)
    blank = new_item(schemas[DEAL])
    shapes_of_deals = deal_shapes(blank, many, random, late_moves=options.late_moves)
    shapes_of_leads = lead_shapes(new_item(schemas[LEAD]), many, random)
    shapes_of_contacts = contact_shapes(new_item(schemas[CONTACT]), many, random)
    count = 0 if options.simple_mode else options.records // 2
    contacts = SeededContacts(zone, options.records // 3, shapes_of_contacts, random)
    leads = SeededLeads(zone, count, shapes_of_leads, contacts, random)
    deals = SeededDeals(zone, options.records, shapes_of_deals, contacts, leads, random)
    activities = SeededActivities(zone, leads, deals, random)
    return Portal(
        options=options,
        clock=clock,
        zone=zone,
        items={
            LEAD: ItemEntity(schemas[LEAD], zone, leads),
            DEAL: ItemEntity(schemas[DEAL], zone, deals),
            CONTACT: ItemEntity(schemas[CONTACT], zone, contacts),
        },
        history={
            LEAD: Entity(LEAD_HISTORY, zone, SeededHistory(zone, leads, shapes_of_leads, LEAD)),
            DEAL: Entity(HISTORY, zone, SeededHistory(zone, deals, shapes_of_deals, DEAL)),
        },
        activities=Entity(ACTIVITIES, zone, activities),
        users=company.users(),
        categories={DEAL: company.categories()},
        statuses=company.statuses(),
        currencies=company.currencies(),
        field_configs=[dict(config) for config in company.DEAL_FIELDS],
        events=events,
    )


def _given_portal(
    options: SandboxOptions, data: PortalData, clock: Clock, zone: PortalZone, events: Events
) -> Portal:
    schemas = {id_: base_schema(id_) for id_ in (LEAD, DEAL, CONTACT)}
    for entity_type_id, configs in ((DEAL, data.deal_fields), (LEAD, data.lead_fields)):
        for config in configs:
            schemas[entity_type_id] = schemas[entity_type_id].with_field(custom_field(config))
    rows = {LEAD: data.leads, DEAL: data.deals, CONTACT: data.contacts}
    names = {LEAD: "leads", DEAL: "deals", CONTACT: "contacts"}
    portal = Portal(
        options=options,
        clock=clock,
        zone=zone,
        items={
            id_: ItemEntity(
                schemas[id_], zone, None, rows[id_], data.hidden.get(names[id_], frozenset())
            )
            for id_ in rows
        },
        history={
            LEAD: Entity(LEAD_HISTORY, zone, None, _numbered(data.lead_history)),
            DEAL: Entity(HISTORY, zone, None, _numbered(data.deal_history)),
        },
        activities=Entity(ACTIVITIES, zone, None, _numbered(data.activities)),
        users=[dict(user) for user in data.users] or company.users(),
        categories={DEAL: [dict(row) for row in data.categories] or company.categories()},
        statuses=[dict(row) for row in data.statuses] or company.statuses(),
        currencies=company.currencies(),
        field_configs=[dict(config) for config in (*data.deal_fields, *data.lead_fields)],
        events=events,
    )
    portal.tasks.load(list(data.tasks))
    portal.tasks.hidden |= set(data.hidden.get("tasks", frozenset()))
    return portal


def _numbered(rows: Sequence[Row]) -> list[Row]:
    return [{"ID": number, **row} for number, row in enumerate(rows, 1)]


def _zone(name: str) -> tzinfo:
    if found := OFFSET.fullmatch(name):
        sign, hours, minutes = found.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(offset if sign == "+" else -offset)
    return ZoneInfo(name)
