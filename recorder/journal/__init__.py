"""The only durable state: an append-only store that everything else reads."""

from recorder.journal.store import ImageRow, Journal, Record, Seq

__all__ = ["ImageRow", "Journal", "Record", "Seq"]
