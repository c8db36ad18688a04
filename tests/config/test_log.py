import io
import json
import logging
from collections.abc import Iterator

import pytest

from config.log import configure_logging


@pytest.fixture(autouse=True)
def _own_root_logger() -> Iterator[None]:
    """The root logger as it was, with the handlers of the test runner."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    root.handlers = []
    yield
    root.handlers = handlers
    root.setLevel(level)


def cut(text: str) -> str:
    return text.replace("geheim", "***")


def json_lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_json_line_has_time_level_logger_message_and_the_extra_fields() -> None:
    stream = io.StringIO()
    configure_logging("json", cut, stream=stream)
    logging.getLogger("workers.x").warning("Pulled %d deals.", 3, extra={"run": 12, "à": "é"})
    (line,) = json_lines(stream)
    assert str(line.pop("time")).endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "workers.x",
        "message": "Pulled 3 deals.",
        "run": 12,
        "à": "é",
    }


def test_a_text_line_shows_the_same() -> None:
    stream = io.StringIO()
    configure_logging("text", cut, stream=stream)
    logging.getLogger("workers.x").warning("Pulled %d deals.", 3, extra={"run": 12})
    assert stream.getvalue().endswith(" WARNING workers.x: Pulled 3 deals. run=12\n")


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_secret_is_cut_from_message_arguments_extra_fields_and_traceback(style: str) -> None:
    stream = io.StringIO()
    configure_logging("json" if style == "json" else "text", cut, stream=stream)
    try:
        raise ValueError("no entry for geheim")
    except ValueError:
        logging.getLogger("x").exception(
            "geheim %s", "geheim", extra={"url": "/rest/geheim/", "seen": {"key": "geheim"}}
        )
    assert "geheim" not in stream.getvalue()
    assert stream.getvalue().count("***") >= 5
    assert "ValueError: no entry for ***" in stream.getvalue()


def test_an_extra_field_cannot_pose_as_the_level_of_a_json_line() -> None:
    stream = io.StringIO()
    configure_logging("json", cut, stream=stream)
    logging.getLogger("x").info("a", extra={"level": "error", "logger": "y", "time": 0})
    (line,) = json_lines(stream)
    assert (line["level"], line["logger"]) == ("info", "x")


def test_a_json_line_stays_one_line() -> None:
    stream = io.StringIO()
    configure_logging("json", cut, stream=stream)
    logging.getLogger("x").info("a\nb")
    assert [line["message"] for line in json_lines(stream)] == ["a\nb"]


def test_the_addresses_that_httpx_logs_are_not_written() -> None:
    stream = io.StringIO()
    configure_logging("text", cut, stream=stream)
    logging.getLogger("httpx").info("HTTP Request: POST https://portal/rest/1/key/")
    assert stream.getvalue() == ""


def test_configuring_twice_does_not_write_twice() -> None:
    stream = io.StringIO()
    configure_logging("text", cut, stream=stream)
    configure_logging("text", cut, stream=stream)
    logging.getLogger("x").info("once")
    assert stream.getvalue().count("once") == 1
