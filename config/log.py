"""Log lines, as text for people or JSON for machines, with secrets cut from all of them."""

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, TextIO

Redact = Callable[[str], str]

# What every record has; anything else was passed in `extra`.
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# httpx and httpcore log every address, and the address of some tools holds the key; alembic tells
# at every start on which database it looks.
TALKATIVE = ("httpx", "httpcore", "alembic")


def configure_logging(
    style: Literal["text", "json"],
    redact: Redact,
    *,
    level: int = logging.INFO,
    stream: TextIO | None = None,
) -> None:
    """Replace the handlers of the root logger by one that writes to `stream` (standard error).

    `redact` gets every text of a line (message, traceback, extra fields) and returns what may be
    shown of it.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if style == "json" else TextLines())
    handler.addFilter(Redacting(redact))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


class Redacting(logging.Filter):
    """Lets every record through, without its secrets.

    The record itself is changed: no other handler gets to see them either.
    """

    def __init__(self, redact: Redact) -> None:
        super().__init__()
        self._redact = redact

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = self._redact(record.getMessage())
        record.args = None
        if record.exc_info:
            record.exc_text = record.exc_text or logging.Formatter().formatException(
                record.exc_info
            )
        if record.exc_text:
            record.exc_text = self._redact(record.exc_text)
        for name, value in _extra(record).items():
            setattr(record, name, self._plain(value))
        return True

    def _plain(self, value: object) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        return self._redact(str(value))


class JsonLines(logging.Formatter):
    """One object a line: time, level, logger, message, the extra fields, and `error` where there
    is a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        # The four names above cannot be overwritten by an extra field.
        line = _extra(record) | line
        if record.exc_info or record.exc_text:
            line["error"] = _traceback(record)
        return json.dumps(line, ensure_ascii=False, default=str)


class TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        extra = "".join(f" {name}={value}" for name, value in _extra(record).items())
        head = f"{_time(record)} {record.levelname:<7} {record.name}: {record.getMessage()}{extra}"
        if record.exc_info or record.exc_text:
            return f"{head}\n{_traceback(record)}"
        return head


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in STANDARD}


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _traceback(record: logging.LogRecord) -> str:
    if record.exc_text:
        return record.exc_text
    return logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
