"""Outgoing events: form-encoded, ids only, unsigned, delivered once and never again."""

from dataclasses import dataclass, field
from urllib.parse import quote_plus

from connectors.bitrix24.portal.data import Row
from connectors.bitrix24.portal.options import SandboxOptions
from connectors.bitrix24.portal.zone import PortalZone
from connectors.sandbox.clock import Clock
from connectors.sandbox.delivery import Courier, Delivery

MEDIA = "application/x-www-form-urlencoded"
ITEM_NAMES = {1: "LEAD", 2: "DEAL", 3: "CONTACT"}
HANDLER_ID = "975"
Fields = list[tuple[str, str]]


@dataclass
class Events:
    """`wanted` empty means all events. `copies` above 1 stands for a queue that repeats itself.

    `bindings` are those of apps; `queue` is the offline queue.
    """

    options: SandboxOptions
    clock: Clock
    zone: PortalZone
    application_token: str
    courier: Courier
    url: str | None = None
    wanted: frozenset[str] = frozenset()
    copies: int = 1
    bindings: list[Row] = field(default_factory=list)
    queue: list[Row] = field(default_factory=list)
    last_row: int = 80

    def item(self, entity_type_id: int, item_id: int, change: str) -> None:
        """`change` is ADD, UPDATE or DELETE."""
        name = ITEM_NAMES.get(entity_type_id)
        fields = {"ID": item_id}
        if name is not None:
            self._post(f"ONCRM{name}{change}", _named(fields), fields)
            return
        fields["ENTITY_TYPE_ID"] = entity_type_id
        for event in (f"ONCRMDYNAMICITEM{change}_{entity_type_id}", f"ONCRMDYNAMICITEM{change}"):
            self._post(event, _named(fields), fields)

    def moved_to_category(self, deal_id: int, category: int, stage: str) -> None:
        """For apps only: an outgoing webhook does not know this event."""
        fields = {"ID": deal_id, "CATEGORY_ID": category, "STAGE_ID": stage}
        self._post("ONCRMDEALMOVETOCATEGORY", _named(fields), fields, apps_only=True)

    def task(self, task_id: int, change: str) -> None:
        """A side that does not exist is the literal text `undefined`."""
        before = ("data[FIELDS_BEFORE][ID]", str(task_id))
        after = ("data[FIELDS_AFTER][ID]", str(task_id))
        if change == "ADD":
            before = ("data[FIELDS_BEFORE]", "undefined")
        if change == "DELETE":
            after = ("data[FIELDS_AFTER]", "undefined")
        reach = ("data[IS_ACCESSIBLE_AFTER]", "N" if change == "DELETE" else "undefined")
        pairs = [before, after, ("data[IS_ACCESSIBLE_BEFORE]", "undefined"), reach]
        self._post(f"ONTASK{change}", pairs, {"ID": task_id})

    def task_comment(self, task_id: int, comment_id: int) -> None:
        fields = {"ID": comment_id, "TASK_ID": task_id}
        pairs = [(f"data[FIELDS_AFTER][{name}]", str(value)) for name, value in fields.items()]
        self._post("ONTASKCOMMENTADD", pairs, fields)

    def _post(self, event: str, pairs: Fields, fields: Row, apps_only: bool = False) -> None:
        hooked = self.url is not None and (not self.wanted or event in self.wanted)
        if self.url is not None and hooked and not apps_only:
            self._send(self.url, event, pairs)
        for binding in self.bindings:
            if binding["event"] != event:
                continue
            if binding["offline"]:
                self._enqueue(event, fields, binding["connector_id"])
            else:
                self._send(binding["handler"], event, pairs)

    def _send(self, url: str, event: str, pairs: Fields) -> None:
        host = self.options.host
        auth = {
            "domain": host,
            "client_endpoint": f"https://{host}/rest/",
            "server_endpoint": "https://oauth.bitrix.info/rest/",
            "member_id": self.options.member_id,
            "application_token": self.application_token,
        }
        form = [("event", event), ("event_handler_id", HANDLER_ID), *pairs]
        form.append(("ts", str(int(self.clock.seconds()))))
        form += [(f"auth[{name}]", value) for name, value in auth.items()]
        body = "&".join(f"{quote_plus(key)}={quote_plus(value)}" for key, value in form)
        self.courier.send(Delivery(url, body.encode(), MEDIA, self.copies))

    def _enqueue(self, event: str, fields: Row, connector: str) -> None:
        """The latest marker of an object takes the place of the one before."""
        data = {"FIELDS": fields}
        for row in self.queue:
            same = (row["EVENT_NAME"], row["EVENT_DATA"], row["CONNECTOR_ID"])
            if same == (event, data, connector) and row["PROCESS_ID"] is None:
                self.queue.remove(row)
                break
        self.last_row += 1
        self.queue.append(
            {
                "ID": str(self.last_row),
                "TIMESTAMP_X": self.zone.text(int(self.clock.seconds())),
                "EVENT_NAME": event,
                "EVENT_DATA": data,
                "EVENT_ADDITIONAL": False,
                "MESSAGE_ID": f"a{self.last_row}",
                "PROCESS_ID": None,
                "ERROR": "0",
                "CONNECTOR_ID": connector,
            }
        )


def _named(fields: Row) -> Fields:
    return [(f"data[FIELDS][{name}]", str(value)) for name, value in fields.items()]
