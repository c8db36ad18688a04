"""Comments on tasks, which are messages in the task's chat.

A marker `[rr:...]` in the text is how a comment is found again when the answer was lost.
"""

from msgspec import Raw, Struct

from connectors.bitrix24.wire import Portal, decode
from connectors.errors import ConnectionBroken, NotPermitted

NEWEST = 50


class ChatOnly(Struct, frozen=True, rename="camel"):
    chat_id: int | None = None


class ChatAnswer(Struct, frozen=True):
    task: ChatOnly


class Message(Struct, frozen=True):
    id: str | int
    text: str = ""


class MessagesAnswer(Struct, frozen=True):
    messages: list[Message]


class Comments:
    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._has_v3 = True

    def add(self, remote_id: str, text: str, marker: str) -> str:
        """The message's id where the portal tells it, else the marker."""
        marked = f"{text}\n{in_text(marker)}"
        if self._has_v3:
            try:
                fields = {"taskId": int(remote_id), "text": marked}
                self._portal.write_v3("tasks.task.chat.message.send", {"fields": fields}, Raw)
                return marker
            except ConnectionBroken:
                # Refused before it was done: REST 3, or its scope, is not there for this key.
                self._has_v3 = False
        # The order of the keys matters to this method.
        params = {"TASKID": int(remote_id), "FIELDS": {"POST_MESSAGE": marked}}
        return str(self._portal.write("task.commentitem.add", params, int))

    def find(self, remote_id: str, marker: str) -> str | None:
        """Among the newest messages. None also when the key may not read the chat."""
        params = {"taskId": int(remote_id), "select": ["ID", "CHAT_ID"]}
        task = self._portal.read("tasks.task.get", params, Raw)
        chat = None if bytes(task) == b"[]" else decode(task, ChatAnswer).task.chat_id
        if not chat:
            return None
        try:
            answer = self._portal.read(
                "im.dialog.messages.get",
                {"DIALOG_ID": f"chat{chat}", "LIMIT": NEWEST},
                MessagesAnswer,
            )
        except NotPermitted:
            return None
        wanted = in_text(marker)
        return next((str(one.id) for one in answer.messages if wanted in one.text), None)


def in_text(marker: str) -> str:
    return f"[rr:{marker}]"
