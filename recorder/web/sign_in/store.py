"""The file of sessions and tokens: small, of the web process, without any secret.

Each call is one transaction; commands on the same host read and write it as well.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from recorder.errors import ConfigError
from recorder.records.access import Identity, Only, Scope
from recorder.web.sign_in.ways import IDLE_S, Way, WayKind, What

NAME = "sign_in.sqlite"
"""In the state directory of the web process."""
VERSION = 1
"""Of the tables."""
BUSY_S = 2.0
"""Seconds to wait for a command that writes. Chosen, not tuned."""
_TABLES = """
CREATE TABLE way (
  key TEXT PRIMARY KEY, kind TEXT NOT NULL, login TEXT NOT NULL,
  made_s REAL NOT NULL, ends_s REAL NOT NULL, used_s REAL NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE TABLE secret (
  hash BLOB PRIMARY KEY, way TEXT NOT NULL REFERENCES way ON DELETE CASCADE,
  what TEXT NOT NULL, ends_s REAL NOT NULL, spent INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX secret_way ON secret (way);
CREATE INDEX way_login ON way (login);
"""
_COLUMNS = "way.key, way.kind, way.login, way.made_s, way.ends_s, way.used_s, way.body"


class Store:
    """Sessions and tokens.

    Args:
        folder: State directory of the web process; made if it is not there.

    Raises:
        ConfigError: The file cannot be used; the message says what to do.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)
            self._db = self._opened()
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"{self.path}: sessions and tokens cannot be kept: {error}; see to "
                "the folder's owner and space (web.state_directory), or move the file "
                "away: then everybody signs in anew, and tokens are made anew"
            ) from error

    def _opened(self) -> sqlite3.Connection:
        made = not self.path.exists()
        if made:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
        db = sqlite3.connect(
            self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("BEGIN IMMEDIATE")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in _TABLES.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
        if version not in (0, VERSION):
            raise sqlite3.DatabaseError(f"it is of another recorder (form {version})")
        if made and os.geteuid() == 0:  # a command of root must not lock the unit out
            owner = self.path.parent.stat()
            uid, gid = owner.st_uid, owner.st_gid
            os.chown(self.path, uid, gid, follow_symlinks=False)
        return db

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    # -- ways --------------------------------------------------------------------------

    def add(self, way: Way, secrets: Sequence[tuple[bytes, What, float]]) -> None:
        """Keep a new one.

        Args:
            way: It.
            secrets: Hash, use and end (s since 1970) of each secret.
        """
        with self._db as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute(
                "INSERT INTO way VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    way.key,
                    way.kind,
                    way.identity.login,
                    way.made_s,
                    way.ends_s,
                    way.used_s,
                    _body(way),
                ),
            )
            _insert(db, way.key, secrets)

    def find(self, secret: bytes) -> tuple[Way, What, float, bool] | None:
        """The way that a secret opens; its use, its end, and whether it is spent.

        Args:
            secret: Its hash.
        """
        row = self._db.execute(
            f"SELECT {_COLUMNS}, what, secret.ends_s, spent FROM secret "
            "JOIN way ON way.key = secret.way WHERE hash = ?",
            (secret,),
        ).fetchone()
        return row and (_way(row[:7]), What(row[7]), row[8], bool(row[9]))

    def use(self, key: str, now_s: float) -> None:
        """Note that it is in use."""
        self._db.execute("UPDATE way SET used_s = ? WHERE key = ?", (now_s, key))

    def exchange(
        self, spent: bytes, now_s: float, secrets: Sequence[tuple[bytes, What, float]]
    ) -> bool:
        """Give new secrets for one that is spent with it; False if it was before."""
        with self._db as db:
            db.execute("BEGIN IMMEDIATE")
            done = db.execute(
                "UPDATE secret SET spent = 1 WHERE hash = ? AND spent = 0", (spent,)
            )
            if done.rowcount != 1:
                return False
            (key,) = db.execute(
                "SELECT way FROM secret WHERE hash = ?", (spent,)
            ).fetchone()
            db.execute("UPDATE way SET used_s = ? WHERE key = ?", (now_s, key))
            db.execute(
                "DELETE FROM secret WHERE way = ? AND what = ? AND ends_s < ?",
                (key, What.ENTRY, now_s),
            )
            _insert(db, key, secrets)
        return True

    def remove(self, key: str, login: str | None = None) -> Way | None:
        """Revoke one, with its secrets; None if there is none (of that login)."""
        with self._db as db:
            db.execute("BEGIN IMMEDIATE")
            row = db.execute(
                f"SELECT {_COLUMNS} FROM way WHERE key = ?", (key,)
            ).fetchone()
            if row is None or login not in (None, row[2]):
                return None
            db.execute("DELETE FROM way WHERE key = ?", (key,))
        return _way(row)

    def list(self, login: str | None = None) -> list[Way]:
        """All of somebody, or of everybody; newest first."""
        where, values = ("", ()) if login is None else ("WHERE login = ?", (login,))
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM way {where} ORDER BY made_s DESC, key", values
        )
        return [_way(row) for row in rows.fetchall()]

    def purge(self, now_s: float) -> None:
        """Forget those that are over."""
        self._db.execute(
            "DELETE FROM way WHERE ends_s <= ? OR (kind IN (?, ?) AND used_s < ?)",
            (now_s, WayKind.SESSION, WayKind.PAIR, now_s - IDLE_S),
        )


def _insert(
    db: sqlite3.Connection, key: str, secrets: Sequence[tuple[bytes, What, float]]
) -> None:
    db.executemany(
        "INSERT INTO secret (hash, way, what, ends_s) VALUES (?, ?, ?, ?)",
        [(secret, key, what, ends_s) for secret, what, ends_s in secrets],
    )


def _body(way: Way) -> str:
    return json.dumps(
        {
            "identity": asdict(way.identity),
            "authenticator": way.authenticator,
            "peer": way.peer,
            "label": way.label,
            "scopes": sorted(way.scopes),
            "only": way.only and asdict(way.only),
        }
    )


def _way(row: Sequence[Any]) -> Way:
    key, kind, _, made_s, ends_s, used_s, text = row
    body = json.loads(text)
    who = body["identity"]
    return Way(
        key,
        WayKind(kind),
        Identity(who["login"], tuple(who["groups"]), who["name"], who["mail"]),
        body["authenticator"],
        body["peer"],
        made_s,
        ends_s,
        used_s,
        body["label"],
        frozenset(Scope(name) for name in body["scopes"]),
        body["only"] and Only(**body["only"]),
    )
