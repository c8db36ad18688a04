"""`/healthz`, `/readyz`, and `/metrics` for Prometheus, computed when they are asked for.

Nothing here needs a sign-in, so nothing here is a secret; what a proxy passes on is refused all
the same, since the counts are nobody's business outside.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from sync.store.monitor import Monitored, monitored
from web.local import not_by_proxy
from workers.app import App
from workers.clock import ClockUnreachable, machine_now
from workers.queues import counts
from workers.readiness import readiness

Labelled = Iterable[tuple[tuple[str, ...], float]]


def monitoring_router(app: App) -> APIRouter:
    router = APIRouter()

    # Asynchronous, so that it needs none of the threads that may all be waiting for the database.
    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz", dependencies=[Depends(not_by_proxy)])
    def readyz() -> JSONResponse:
        parts = readiness(app)
        ready = all(part.ready for part in parts)
        told = {"status": "ok" if ready else "not ready"}
        return JSONResponse(told | {part.name: part.told for part in parts}, 200 if ready else 503)

    @router.get("/metrics", dependencies=[Depends(not_by_proxy)])
    def metrics() -> Response:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Figures(app))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


class Figures(Collector):
    """A part that cannot be reached is told as down, and its figures are left out."""

    def __init__(self, app: App) -> None:
        self._app = app

    def describe(self) -> Iterable[Metric]:
        """Nothing before it is asked for: it would be computed twice."""
        return ()

    def collect(self) -> Iterator[Metric]:
        try:
            with self._app.database.reading() as session:
                seen = monitored(session)
        except SQLAlchemyError:
            seen = None
        yield _gauge("retro_database_up", "Whether the database answers.", _one(seen is not None))
        if seen is not None:
            yield from _of_database(seen, machine_now(), _business_now(self._app))
        yield from _of_redis(self._app)


def _of_database(seen: Monitored, now: datetime, business: datetime | None) -> Iterator[Metric]:
    yield _gauge(
        "retro_connections", "Connections by state.", _all(seen.connections), "connection", "state"
    )
    yield _gauge("retro_runs", "Runs by status.", _words(seen.runs), "status")
    yield _gauge(
        "retro_oldest_queued_run_seconds",
        "Age of the run that waits longest for a worker.",
        _one(0.0 if seen.oldest_run is None else _age(seen.oldest_run, now)),
    )
    yield _gauge(
        "retro_outbox_writes", "Intended writes.", _all(seen.writes), "connection", "state"
    )
    yield _gauge(
        "retro_oldest_planned_write_seconds",
        "Age of the write that waits longest to be sent.",
        (((name,), _age(moment, now)) for name, moment in seen.oldest_write.items()),
        "connection",
    )
    yield _gauge(
        "retro_last_success_timestamp_seconds",
        "End of the last good run, in Unix time.",
        ((labels, moment.timestamp()) for labels, moment in seen.successes.items()),
        "connection",
        "stream",
    )
    if business is not None:
        yield _gauge(
            "retro_schedule_lateness_seconds",
            "How long a schedule has been due.",
            ((labels, _age(moment, business)) for labels, moment in seen.due.items()),
            "connection",
            "stream",
        )
    yield _gauge("retro_hook_events", "Inbound webhooks.", _words(seen.hook_events), "state")
    yield _gauge(
        "retro_set_aside_records",
        "Records that could not be taken.",
        _all(seen.set_aside),
        "connection",
        "stream",
    )


def _of_redis(app: App) -> Iterator[Metric]:
    try:
        queues = counts(app.redis) if app.redis is not None else None
    except (RedisError, OSError):
        queues = None
    yield _gauge("retro_redis_up", "Whether Redis answers.", _one(queues is not None))
    if queues is None:
        return
    jobs = [
        ((name, state), float(getattr(each, state)))
        for name, each in queues.items()
        for state in ("waiting", "running", "failed")
    ]
    yield _gauge("retro_queue_jobs", "Jobs of the queues.", jobs, "queue", "state")
    workers = (((name,), float(each.workers)) for name, each in queues.items())
    yield _gauge("retro_queue_workers", "Workers of the queues.", workers, "queue")


def _gauge(name: str, text: str, values: Labelled, *labels: str) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for each, value in values:
        family.add_metric(each, value)
    return family


def _one(value: float) -> Labelled:
    return (((), value),)


def _all(counted: Mapping[tuple[str, str], int]) -> Labelled:
    return ((labels, float(count)) for labels, count in counted.items())


def _words(counted: Mapping[str, int]) -> Labelled:
    return (((word,), float(count)) for word, count in counted.items())


def _age(moment: datetime, now: datetime) -> float:
    return max(0.0, (now - moment).total_seconds())


def _business_now(app: App) -> datetime | None:
    try:
        return app.clock.now()
    except ClockUnreachable:
        return None
