"""What changes rarely: users, pipelines, statuses, currencies, scopes, the portal itself."""

from connectors.bitrix24.portal.answers import (
    Answer,
    Credential,
    Params,
    listed,
    mapped,
    paged,
    paging,
    whole,
)
from connectors.bitrix24.portal.data import Row
from connectors.bitrix24.portal.errors import PortalError
from connectors.bitrix24.portal.filters import FilterReader
from connectors.bitrix24.portal.method import Method
from connectors.bitrix24.portal.schema import Field
from connectors.bitrix24.portal.state import Portal

USER_FIELDS = {
    name: Field(name, kind, name)
    for name, kind in {
        "ID": "digits",
        "ACTIVE": "boolean",
        "NAME": "string",
        "LAST_NAME": "string",
        "EMAIL": "string",
        "USER_TYPE": "string",
        "UF_DEPARTMENT": "integer",
    }.items()
}


def server_time(portal: Portal, _: Params, __: Credential) -> Answer:
    return Answer(portal.text_now())


def scope(portal: Portal, _: Params, who: Credential) -> Answer:
    return Answer([name for name in portal.options.scopes if name in who.scopes])


def app_info(portal: Portal, _: Params, __: Credential) -> Answer:
    family = "ent" if portal.options.plan == "enterprise" else "pro"
    info = {
        "ID": 5,
        "CODE": "local.66aa00bb11cc22",
        "VERSION": 1,
        "STATUS": "L",
        "INSTALLED": True,
        "PAYMENT_EXPIRED": "N",
        "DAYS": None,
        "LANGUAGE_ID": "en",
        "LICENSE": f"de_{family}100",
        "LICENSE_TYPE": f"{family}100",
        "LICENSE_FAMILY": family,
    }
    return Answer(info)


def feature_get(_: Portal, __: Params, ___: Credential) -> Answer:
    return Answer({"value": "Y"})


def settings_mode(portal: Portal, _: Params, __: Credential) -> Answer:
    return Answer(2 if portal.options.simple_mode else 1)


def category_list(portal: Portal, params: Params, _: Credential) -> Answer:
    rows = portal.categories.get(whole(params, "entityTypeId"))
    if rows is None:
        raise PortalError(400, "ENTITY_TYPE_NOT_SUPPORTED", "Entity type is not supported")
    return Answer({"categories": rows}, len(rows))


def status_list(portal: Portal, params: Params, _: Credential) -> Answer:
    """One text ENTITY_ID per call; `select` is ignored."""
    wanted = mapped(params.get("filter", params.get("FILTER")))
    rows = [
        row
        for row in portal.statuses
        if all(str(row.get(key)) == str(value) for key, value in wanted.items() if key in row)
    ]
    for key, direction in reversed(mapped(params.get("order")).items()):
        if rows and key in rows[0]:
            down = str(direction).upper() == "DESC"
            rows.sort(key=lambda row: int(row[key]) if str(row[key]).isdigit() else 0, reverse=down)
    return Answer(rows, len(rows))


def currency_list(portal: Portal, _: Params, __: Credential) -> Answer:
    return Answer(portal.currencies, len(portal.currencies))


def user_get(portal: Portal, params: Params, _: Credential) -> Answer:
    """Loose as all old lists: an unknown filter field is ignored."""
    filters = params.get("FILTER", params.get("filter"))
    if filters is None and "ID" in params:
        filters = {"ID": params["ID"]}
    wanted = FilterReader(USER_FIELDS, portal.zone, strict=False).read(filters)
    rows = [user for user in portal.users if wanted.holds(_comparable(user))]
    down = str(params.get("order", params.get("ORDER", "ASC"))).upper() == "DESC"
    rows.sort(key=lambda user: int(user["ID"]), reverse=down)
    select = [str(name) for name in listed(params.get("select", params.get("SELECT")))]
    if select and "*" not in select:
        rows = [{name: user[name] for name in select if name in user} for user in rows]
    page, total, following = paged(rows, paging(params))
    return Answer(page, total, following)


def user_current(portal: Portal, _: Params, who: Credential) -> Answer:
    return Answer(portal.user(who.user_id))


def enum_ownertype(portal: Portal, _: Params, __: Credential) -> Answer:
    fixed = (
        (1, "Lead", "LEAD", "L"),
        (2, "Deal", "DEAL", "D"),
        (3, "Contact", "CONTACT", "C"),
        (4, "Company", "COMPANY", "CO"),
    )
    rows = [_owner_type(*entry) for entry in fixed]
    rows += [
        _owner_type(
            type_["entityTypeId"],
            type_["title"],
            f"DYNAMIC_{type_['entityTypeId']}",
            f"T{type_['entityTypeId']:x}",
        )
        for type_ in portal.types
    ]
    return Answer(rows)


def _comparable(user: Row) -> Row:
    row = dict.fromkeys(USER_FIELDS) | user
    return row | {"ID": int(user["ID"]), "ACTIVE": "Y" if user.get("ACTIVE") else "N"}


def _owner_type(id_: int, name: str, code: str, short: str) -> Row:
    return {"ID": id_, "NAME": name, "SYMBOL_CODE": code, "SYMBOL_CODE_SHORT": short}


METHODS = {
    "server.time": Method(server_time),
    "scope": Method(scope),
    "app.info": Method(app_info, needs_app=True),
    "feature.get": Method(feature_get),
    "crm.settings.mode.get": Method(settings_mode, "crm"),
    "crm.category.list": Method(category_list, "crm"),
    "crm.status.list": Method(status_list, "crm"),
    "crm.currency.list": Method(currency_list, "crm"),
    "crm.enum.ownertype": Method(enum_ownertype, "crm"),
    "user.get": Method(user_get, "user_brief"),
    "user.current": Method(user_current, "user_brief"),
}
