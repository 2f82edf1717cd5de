"""What the journal's file holds, and how an older one is brought up to date."""

from __future__ import annotations

FORMAT = "4"

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS records (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT, kind TEXT NOT NULL,
  time_ns INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS records_by_run ON records (run, kind);
CREATE INDEX IF NOT EXISTS records_by_kind ON records (kind, seq);
CREATE TABLE IF NOT EXISTS run_ids (id INTEGER PRIMARY KEY, uid TEXT UNIQUE NOT NULL);
CREATE TABLE IF NOT EXISTS images (
  run INTEGER NOT NULL, image_id INTEGER NOT NULL, outcome TEXT NOT NULL,
  start_time_ns INTEGER, stop_time_ns INTEGER, received_ns INTEGER NOT NULL,
  spots INTEGER NOT NULL, resolution REAL, background REAL,
  saturated INTEGER NOT NULL, detail TEXT,
  solvent REAL, learned INTEGER NOT NULL DEFAULT 0, rings INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (run, image_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS changes (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL, first INTEGER NOT NULL,
  steps BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS chunks (
  run TEXT NOT NULL, kind TEXT NOT NULL, number INTEGER NOT NULL,
  upto INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (run, kind, number));
CREATE TABLE IF NOT EXISTS cursors (sink TEXT PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS parked (
  sink TEXT NOT NULL, seq INTEGER NOT NULL, run TEXT, error TEXT NOT NULL,
  time_ns INTEGER NOT NULL, PRIMARY KEY (sink, seq));
CREATE TABLE IF NOT EXISTS retries (
  sink TEXT NOT NULL, seq INTEGER NOT NULL, run TEXT, PRIMARY KEY (sink, seq));
CREATE INDEX IF NOT EXISTS parked_by_run ON parked (sink, run, seq);
CREATE INDEX IF NOT EXISTS retries_by_run ON retries (sink, run);
CREATE TABLE IF NOT EXISTS dropped (
  sink TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (sink, seq));
CREATE TABLE IF NOT EXISTS ids (
  sink TEXT NOT NULL, run TEXT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (sink, run));
"""


MIGRATIONS = {
    "1": (
        "ALTER TABLE images ADD COLUMN solvent REAL",
        "ALTER TABLE images ADD COLUMN learned INTEGER NOT NULL DEFAULT 0",
        "UPDATE meta SET value = '2' WHERE key = 'format'",
    ),
    "2": ("UPDATE meta SET value = '3' WHERE key = 'format'",),
    "3": (
        # rows stay as they are: of a long journal that would take minutes
        "ALTER TABLE images ADD COLUMN rings INTEGER NOT NULL DEFAULT 0",
        "DELETE FROM chunks WHERE kind = 'images'",
        "UPDATE meta SET value = '4' WHERE key = 'format'",
    ),
}
"""Statements that bring a journal of an older format to the next one."""


def _columns(of: str) -> str:
    """What tells a run apart, out of the body of a ``run`` record."""
    return (
        f"json_extract({of}.body, '$.run'), json_extract({of}.body, '$.state'), "
        f"json_extract({of}.body, '$.folder', '$.collection_uid', '$.body.experiment')"
    )


_LATEST = "(SELECT MAX(seq) FROM records WHERE run = g.run AND kind = '{}')"
_INDEXED = (
    "SELECT g.run AS run, g.opened AS opened, g.last AS last, r.time_ns AS time_ns, "
    f"{_columns('r')}, "
    + ", ".join(map(_LATEST.format, ("run_updated", "run_sealed", "run_pruned")))
    + " FROM (SELECT run, MIN(seq) AS opened, MAX(seq) AS last FROM records "
    "WHERE kind = 'run' AND run IS NOT NULL GROUP BY run) AS g "
    "JOIN records AS r ON r.seq = g.last WHERE json_valid(r.body)"
)
_NAMES = "run, opened, last, time_ns, number, state, texts, updated, sealed, pruned"
INDEX_VIEW = f"CREATE TEMP VIEW runs ({_NAMES}) AS {_INDEXED}"
"""The index of a file that has none and may only be read."""
INDEX = (
    "CREATE TABLE IF NOT EXISTS runs (run TEXT PRIMARY KEY, opened INTEGER NOT NULL, "
    "last INTEGER NOT NULL, time_ns INTEGER NOT NULL, number INTEGER, state TEXT, "
    "texts TEXT, updated INTEGER, sealed INTEGER, pruned INTEGER) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS runs_by_number ON runs (number)",
    "CREATE INDEX IF NOT EXISTS runs_by_opened ON runs (opened)",
    "CREATE INDEX IF NOT EXISTS runs_unsealed ON runs (opened) WHERE state <> 'sealed'",
    "CREATE TRIGGER IF NOT EXISTS runs_described AFTER INSERT ON records "
    "WHEN NEW.kind = 'run' AND NEW.run IS NOT NULL BEGIN "
    f"INSERT INTO runs ({_NAMES}) VALUES (NEW.run, NEW.seq, NEW.seq, NEW.time_ns, "
    f"{_columns('NEW')}, NULL, NULL, NULL) ON CONFLICT (run) DO UPDATE SET "
    "last = excluded.last, time_ns = excluded.time_ns, number = excluded.number, "
    "state = excluded.state, texts = excluded.texts; END",
    *(
        f"CREATE TRIGGER IF NOT EXISTS runs_{column} AFTER INSERT ON records "
        f"WHEN NEW.kind = 'run_{column}' BEGIN "
        f"UPDATE runs SET {column} = NEW.seq WHERE run = NEW.run; END"
        for column in ("updated", "sealed", "pruned")
    ),
    f"INSERT OR IGNORE INTO runs ({_NAMES}) {_INDEXED}",
)
"""Statements that make the index of the runs: one row each, kept by the database itself
with each record, whichever recorder writes it. What it says stands in the records, so
that a journal without it only costs more to read."""
