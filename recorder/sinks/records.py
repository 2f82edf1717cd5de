"""What sinks read from journal records."""

from __future__ import annotations

from recorder.errors import ReportError, SinkError
from recorder.journal import Record
from recorder.records.report_json import report_from_json
from recorder.records.run_report import RunReport


def report_of(record: Record) -> RunReport:
    """The report that a record holds.

    Raises:
        SinkError: It cannot be read.
    """
    try:
        return report_from_json(record.body.get("report"))
    except ReportError as error:
        raise SinkError(f"{error}; `recorder report` shows what is known") from error
