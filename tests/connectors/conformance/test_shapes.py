"""Answers in other shapes: odd fields are lived with, odd answers are never an empty result."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

import httpx
from sqlmodel import select

from connectors.models import Stream
from connectors.port import readable_streams
from sync.tables.runs import Mode, RunStatus, SetAside
from tests.connectors.conformance.bench import GOOD, Bench
from tests.connectors.conformance.case import Custom, Json, Shape
from tests.connectors.conformance.rows import READING, row
from tests.connectors.conformance.tampering import Tamper, always, rewriting, said

PAGE = "<html><head><title>Sorry</title></head><body><h1>Back soon</h1></body></html>"
MANY = 500
WORD = re.compile(r"\w+")
# Servers refuse longer request lines.
LONGEST_URL = 8000


def each_record(bench: Bench, change: Callable[[Json], None]) -> Tamper:
    shape = bench.case.shape
    assert shape is not None

    def changed(document: Any) -> None:
        for record in list(shape.found(document)):
            change(record)

    return rewriting(changed)


def each_custom(bench: Bench, change: Callable[[Json], None]) -> Tamper:
    """The custom fields of each record, to be changed in place."""
    custom = bench.case.custom
    assert custom is not None
    return each_record(bench, lambda record: change(custom.among(record)))


@row("unknown-field", READING, "A custom field that nobody mapped is ignored.")
def test_an_unknown_custom_field(bench: Bench) -> None:
    """Among the fields as a text, and beside them, where there is such a place, as anything."""
    shape = bench.case.shape
    assert shape is not None
    bench.fill(3)
    bench.settle()

    def change(document: Any) -> None:
        for record in list(shape.rows(document)):
            shape.fields(record)["made_since"] = "x"
            record["madeSince"] = {"nested": [1, None, {"deep": "x"}]}

    bench.tamper(rewriting(change))
    bench.read_all()
    assert bench.agrees()


@row("renamed-field", READING, "A mapped custom field that was renamed is unknown, not an error.")
def test_a_renamed_custom_field(bench: Bench) -> None:
    custom = mapped(bench)
    renamed = []

    def change(fields: Json) -> None:
        if custom.shown in fields:
            renamed.append(fields)
            fields[f"{custom.shown}New"] = fields.pop(custom.shown)

    bench.tamper(each_custom(bench, change))
    read_without(bench)
    assert renamed


@row("retyped-field", READING, "A mapped custom field of another type holds up no record.")
def test_a_retyped_custom_field(bench: Bench) -> None:
    custom = mapped(bench)
    bench.tamper(
        each_custom(bench, lambda fields: fields.update({custom.shown: [{"id": 1}, "two", None]}))
    )
    run = bench.pull(bench.stream)
    assert run.status in GOOD, run.error
    assert len(bench.held()) + run.set_aside == len(bench.truth())


@row("removed-field", READING, "A mapped custom field that the tool no longer has is unknown.")
def test_a_removed_custom_field(bench: Bench) -> None:
    custom = mapped(bench)
    bench.tamper(rewriting(lambda document: _drop(document, {custom.name, custom.shown})))
    read_without(bench)


def mapped(bench: Bench) -> Custom:
    custom = bench.case.custom
    assert custom is not None
    bench.settings = {**bench.settings, **custom.mapped([custom.name])}
    bench.fill(3)
    bench.settle()
    return custom


def read_without(bench: Bench) -> None:
    bench.read_all()
    assert bench.agrees(extra=None)
    held = [row.extra for row in bench.rows(bench.stream).values()]
    assert [value for extra in held for value in extra.values() if value] == []


def _drop(document: Any, names: set[str]) -> None:
    """Wherever it stands: as a key, or as an object that is named so."""
    if isinstance(document, dict):
        for key in [key for key in document if key in names]:
            del document[key]
    if isinstance(document, list):
        document[:] = [one for one in document if not names & _texts(one)]
    for each in document.values() if isinstance(document, dict) else document:
        if isinstance(each, dict | list):
            _drop(each, names)


def _texts(value: Any) -> set[str]:
    return {v for v in value.values() if isinstance(v, str)} if isinstance(value, dict) else set()


@row(
    "error-in-200",
    READING,
    "An error told with status 200 is an error, not an empty page.",
    each_stream=True,
)
def test_an_error_body_in_a_200(bench: Bench) -> None:
    assert bench.case.error_body
    never_empty(bench, lambda _response: said(bench.case.error_body))


@row("html-in-200", READING, "A web page where an answer should be is an error.", each_stream=True)
def test_a_web_page_for_an_answer(bench: Bench) -> None:
    never_empty(bench, lambda _response: httpx.Response(200, html=PAGE))


@row("cut-json", READING, "Half an answer is an error.", each_stream=True)
def test_half_an_answer(bench: Bench) -> None:
    def half(response: httpx.Response) -> httpx.Response:
        content = response.content
        return httpx.Response(200, content=content[: len(content) // 2])

    never_empty(bench, half)


@row(
    "empty-object",
    READING,
    "An answer that says nothing is an error, not an empty page.",
    each_stream=True,
)
def test_an_answer_that_says_nothing(bench: Bench) -> None:
    never_empty(bench, lambda _response: said({}))


def never_empty(bench: Bench, answer: Callable[[httpx.Response], httpx.Response]) -> None:
    """Where rows were, there is this now: each run says so, be it of everything or of what changed,
    and nothing is taken for deleted. All that comes before the rows is as ever."""
    bench.fill(3)
    bench.settle()
    bench.read_all()
    before = bench.held()
    replaced: list[httpx.Response] = []

    def change(response: httpx.Response) -> httpx.Response:
        if not bench.has_rows(response):
            return response
        replaced.append(response)
        return answer(response)

    bench.tamper(always(change))
    for mode in (Mode.FULL, Mode.FULL, Mode.INCREMENTAL):
        bench.go_on(hours=1)
        bench.new("Late")
        bench.settle()
        replaced.clear()
        run = bench.pull(bench.stream, mode)
        if run.status is RunStatus.WAITING:
            # Another share got on, so it is tried again for a while.
            run = bench.finish(run.id or 0)
        assert replaced, f"no answer of a {mode} read held rows"
        assert (run.status, run.mode) == (RunStatus.FAILED, mode)
        assert run.error is not None
        assert run.error["message"]
    assert bench.held() == before


@row("500-properties", READING, "Five hundred custom fields are asked for, told and lived with.")
def test_five_hundred_properties(bench: Bench) -> None:
    custom = bench.case.custom
    assert custom is not None
    made = custom.several(bench.account, MANY)
    bench.settings = {**bench.settings, **custom.mapped([*made])}
    values = {shown: f"{shown} is told" for shown in made.values()}
    for id_ in bench.fill(3):
        bench.edit(id_, custom.filled(values))
    bench.settle()
    bench.read_all()
    assert bench.agrees(extra={name: values[shown] for name, shown in made.items()})
    sent = bench.wires.sent
    asked = {word for each in sent for word in _words(each)}
    missing = [name for name, shown in made.items() if not {name, shown} & asked]
    assert custom.unasked or not missing, f"not asked for: {missing[:3]}"
    assert max(len(str(request.url)) for request in sent) < LONGEST_URL


def _words(request: httpx.Request) -> list[str]:
    return WORD.findall(unquote_plus(f"{request.url} {request.read().decode()}"))


@row(
    "set-aside",
    READING,
    "A record in an unknown shape is set aside with its reason; the rest go in.",
    each_stream=True,
)
def test_a_record_in_an_unknown_shape_is_set_aside(bench: Bench) -> None:
    shape = bench.case.shape
    assert shape is not None
    ids = bench.fill(bench.case.page + 2)
    bench.settle()

    def change(record: Json) -> None:
        if record.get(shape.title) == "Deal 1":
            record[shape.needed] = {"odd": []}

    bench.tamper(each_record(bench, change))
    run = bench.pull(bench.stream)
    assert run.status in GOOD, run.error
    assert run.set_aside == 1
    with bench.database.reading() as session:
        (aside,) = session.exec(select(SetAside)).all()
    assert (aside.record_id, bool(aside.reason)) == (ids[1], True)
    assert bench.held().keys() == bench.truth().keys() - {ids[1]}
    bench.tamper(None)
    bench.read_all()
    assert bench.agrees()


@row(
    "set-aside-again",
    READING,
    "What was set aside stays so while it cannot be read, and is taken when it is asked for then.",
)
def test_what_was_set_aside_is_taken_when_it_is_asked_for(bench: Bench) -> None:
    """By the id under which it was: of a record, and of a history where the tool has them."""
    shape, history = bench.case.shape, bench.case.history
    assert shape is not None
    bench.fill(3)
    if history is not None and history.of is not None:
        stream, values = history.of
        bench.account.edit(stream, "new", {"set": values})
    bench.settle()
    taken_again(bench, bench.stream, shape)
    assert bench.agrees()
    if Stream.STAGE_CHANGES in readable_streams(bench.case.tool):
        assert history is not None
        taken_again(bench, Stream.STAGE_CHANGES, history.shape)


def taken_again(bench: Bench, stream: Stream, shape: Shape) -> None:
    odd: list[Any] = []

    def change(document: Any) -> None:
        for record in list(shape.rows(document)):
            odd.append(record[shape.id])
            if record[shape.id] == odd[0]:
                shape.fields(record)[shape.needed] = {"odd": []}

    bench.tamper(rewriting(change))
    run = bench.pull(stream)
    assert run.status in GOOD, run.error
    (waiting,) = bench.set_aside(stream)
    bench.ask_for(stream, waiting)
    assert bench.set_aside(stream) == [waiting]
    lacking = bench.held(stream).keys()
    bench.tamper(None)
    bench.ask_for(stream, waiting)
    assert bench.set_aside(stream) == []
    taken = bench.held(stream)
    assert taken.keys() > lacking
    bench.wires.sent.clear()
    assert bench.pull(stream).status is RunStatus.SUCCEEDED
    assert bench.held(stream) == taken
