"""The only durable state: an append-only store that everything else reads."""

from recorder.journal.records import NewRecord, Record, RecordKind, Seq
from recorder.journal.store import Journal

__all__ = ["Journal", "NewRecord", "Record", "RecordKind", "Seq"]
