"""Bulk API 2.0: query jobs that take their time, and their results as CSV in parts."""

import csv
import io
from dataclasses import dataclass
from typing import Any

from connectors.salesforce.portal.errors import bad, not_found
from connectors.salesforce.portal.org import Org
from connectors.salesforce.portal.store import Values, stamp

Document = dict[str, Any]
MOST_ROWS = 100_000
KEPT_SECONDS = 7 * 86_400.0


@dataclass
class Job:
    id: str
    operation: str
    object: str
    names: list[str]
    rows: list[Values]
    created: float
    aborted: bool = False


class Jobs:
    def __init__(self, org: Org) -> None:
        self._org = org
        self._jobs: dict[str, Job] = {}

    def create(self, body: Document) -> Document:
        """Raises Refused."""
        if body.get("operation") not in ("query", "queryAll") or not body.get("query"):
            raise bad("INVALIDJOB", "operation and query are required")
        text = str(body["query"])
        wanted, entries = self._org.found(text, body["operation"] == "queryAll")
        if wanted.counts or wanted.offset:
            raise bad("INVALIDJOB", "aggregates and offsets are not supported")
        job = Job(
            f"750Qy{len(self._jobs) + 1:010}AAA",
            body["operation"],
            wanted.object,
            wanted.select,
            [dict(self._org.seen(one) or one.values) for one in entries],
            self._org.clock.seconds(),
        )
        # No order is guaranteed.
        job.rows.reverse()
        self._jobs[job.id] = job
        return self._told(job)

    def state(self, id_: str) -> Document:
        return self._told(self._job(id_))

    def results(self, id_: str, locator: str, most: int) -> tuple[bytes, dict[str, str]]:
        """CSV and the headers that tell where it goes on. Raises Refused."""
        job = self._job(id_)
        if self._state(job) != "JobComplete":
            raise bad("INVALIDJOBSTATE", "the job is not complete")
        start = int(locator or "0") if (locator or "0").isdecimal() else -1
        if not 0 <= start <= len(job.rows):
            raise bad("INVALIDLOCATOR", "the locator is unknown")
        rows = job.rows[start : start + min(most, MOST_ROWS)]
        end = start + len(rows)
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(job.names)
        for row in rows:
            writer.writerow([_cell(self._org.value(row, name)) for name in job.names])
        headers = {
            "Sforce-Locator": str(end) if end < len(job.rows) else "null",
            "Sforce-NumberOfRecords": str(len(rows)),
        }
        return text.getvalue().encode(), headers

    def abort(self, id_: str) -> Document:
        self._job(id_).aborted = True
        return self.state(id_)

    def _job(self, id_: str) -> Job:
        job = self._jobs.get(id_)
        if job is None or self._org.clock.seconds() - job.created > KEPT_SECONDS:
            raise not_found("the job does not exist")
        return job

    def _state(self, job: Job) -> str:
        if job.aborted:
            return "Aborted"
        age = self._org.clock.seconds() - job.created
        return "JobComplete" if age >= self._org.options.bulk_seconds else "InProgress"

    def _told(self, job: Job) -> Document:
        return {
            "id": job.id,
            "operation": job.operation,
            "object": job.object,
            "createdDate": stamp(job.created),
            "state": self._state(job),
            "contentType": "CSV",
            "numberRecordsProcessed": len(job.rows) if self._state(job) == "JobComplete" else 0,
        }


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return text.replace("+0000", "Z") if text.endswith(".000+0000") else text
