"""`event.*`, for apps only: online handlers, and the offline queue that loses nothing.

The offline queue keeps the latest marker per event and object, not a history. `event.offline.get`
with `clear` 0 reserves rows under a process_id, so that parallel readers get disjoint sets.
"""

from connectors.bitrix24.portal.answers import Answer, Credential, Params, listed, mapped, whole
from connectors.bitrix24.portal.data import Row
from connectors.bitrix24.portal.errors import PortalError
from connectors.bitrix24.portal.method import Method
from connectors.bitrix24.portal.state import Portal

LIMIT = 50


def bind(portal: Portal, params: Params, _: Credential) -> Answer:
    event = str(params.get("event", "")).upper()
    offline = str(params.get("event_type", "online")) == "offline"
    handler = str(params.get("handler") or "")
    if not event.startswith("ON"):
        raise PortalError(400, "ERROR_EVENT_NOT_FOUND", "Event not found")
    if not offline and not handler:
        raise PortalError(400, "ERROR_ARGUMENT", "Argument 'handler' is null or empty")
    binding: Row = {
        "event": event,
        "handler": "" if offline else handler,
        "auth_type": str(params.get("auth_type", 0)),
        "offline": int(offline),
    }
    if offline:
        binding["connector_id"] = str(params.get("auth_connector") or "")
    if binding in portal.events.bindings:
        raise PortalError(400, "ERROR_CORE", "Handler already binded")
    portal.events.bindings.append(binding)
    return Answer(True)


def unbind(portal: Portal, params: Params, _: Credential) -> Answer:
    event, handler = str(params.get("event", "")).upper(), str(params.get("handler") or "")
    kept = [
        binding
        for binding in portal.events.bindings
        if (binding["event"], binding["handler"]) != (event, handler)
    ]
    count = len(portal.events.bindings) - len(kept)
    portal.events.bindings[:] = kept
    return Answer({"count": count})


def get(portal: Portal, _: Params, __: Credential) -> Answer:
    return Answer(portal.events.bindings)


def offline_get(portal: Portal, params: Params, _: Credential) -> Answer:
    events = portal.events
    process_id = str(params.get("process_id") or "")
    if process_id:
        rows = [row for row in events.queue if row["PROCESS_ID"] == process_id]
        return Answer({"process_id": process_id, "events": [_shown(row) for row in rows]})
    error = str(whole(params, "error"))
    connector = str(params.get("auth_connector") or "")
    rows = [
        row
        for row in events.queue
        if row["CONNECTOR_ID"] == connector
        and row["ERROR"] == error
        and (row["PROCESS_ID"] is None or error == "1")
    ][: min(whole(params, "limit", LIMIT), LIMIT)]
    if not rows:
        return Answer({"process_id": None, "events": []})
    if str(params.get("clear", 1)) in {"0", "N", "False"}:
        process_id = f"proc-{portal.number()}"
        for row in rows:
            row["PROCESS_ID"] = process_id
    else:
        events.queue[:] = [row for row in events.queue if row not in rows]
    return Answer({"process_id": process_id or None, "events": [_shown(row) for row in rows]})


def offline_list(portal: Portal, params: Params, _: Credential) -> Answer:
    wanted = {
        str(key).removeprefix("="): str(value)
        for key, value in mapped(params.get("filter")).items()
    }
    connector = str(params.get("auth_connector") or "")
    rows = [
        {key: value for key, value in row.items() if key != "CONNECTOR_ID"}
        for row in portal.events.queue
        if row["CONNECTOR_ID"] == connector
        and all(str(row.get(key)) == value for key, value in wanted.items())
    ]
    return Answer(rows, len(rows))


def offline_clear(portal: Portal, params: Params, _: Credential) -> Answer:
    chosen = _chosen(portal, params)
    portal.events.queue[:] = [row for row in portal.events.queue if row not in chosen]
    return Answer(True)


def offline_error(portal: Portal, params: Params, _: Credential) -> Answer:
    for row in _chosen(portal, params):
        row["ERROR"] = "1"
    return Answer(True)


def _chosen(portal: Portal, params: Params) -> list[Row]:
    """Rows of a process, narrowed to `message_id` or `id` where given."""
    process_id = str(params.get("process_id") or "")
    if not process_id:
        raise PortalError(400, "PROCESS_ID_REQUIRED", "Argument 'process_id' is required")
    messages = {str(item) for item in listed(params.get("message_id"))}
    ids = {str(item) for item in listed(params.get("id"))}
    return [
        row
        for row in portal.events.queue
        if row["PROCESS_ID"] == process_id
        and (not messages or row["MESSAGE_ID"] in messages)
        and (not ids or row["ID"] in ids)
    ]


def _shown(row: Row) -> Row:
    hidden = {"CONNECTOR_ID", "PROCESS_ID", "ERROR"}
    return {key: value for key, value in row.items() if key not in hidden}


METHODS = {
    "event.bind": Method(bind, refuses_webhook=True),
    "event.unbind": Method(unbind, refuses_webhook=True),
    "event.get": Method(get, refuses_webhook=True),
    "event.offline.get": Method(offline_get, refuses_webhook=True),
    "event.offline.list": Method(offline_list, refuses_webhook=True),
    "event.offline.clear": Method(offline_clear, refuses_webhook=True),
    "event.offline.error": Method(offline_error, refuses_webhook=True),
}
