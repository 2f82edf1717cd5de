"""MariaDB's and MySQL's error numbers, by what is to be done about them.

The names behind the numbers are those of MariaDB's list of messages. What passes by
itself is tried again; what a person may grant, too; everything else parks the record.
"""

from __future__ import annotations

ANOTHER_WORKS = frozenset(
    {
        1020,  # record changed since last read
        1150,  # a delayed lock was not given
        1205,  # lock wait timeout
        1206,  # the table of locks is full
        1213,  # deadlock
        1223,  # conflicting read lock
        1402,  # XA: rolled back
        1412,  # table definition has changed, please retry
        1613,  # XA: rolled back, took too long
        1614,  # XA: rolled back, deadlock
        1615,  # a prepared statement needs to be prepared anew
        1622,  # transaction rolled back, must be restarted
        1637,  # too many concurrent transactions
        1689,  # wait on a lock was aborted
        1964,  # an earlier commit failed, on which this one depends
        3058,  # deadlock of user-level locks
        3101,  # MySQL group replication: rolled back during commit
        3572,  # MySQL: lock not to be had at once
        4145,  # a backup holds the server
    }
)
"""Another session, or an online change of a table, was in the way."""
SHORT_OF = frozenset(
    {
        1015,  # cannot lock a file
        1016,  # cannot open a file (too many are open)
        1021,  # disk full
        1023,  # error on close
        1024,  # error on reading a file
        1026,  # error on writing a file
        1030,  # error of the storage engine
        1037,  # out of memory
        1038,  # out of memory for sorting
        1041,  # out of resources
        1114,  # table full
        1135,  # no new thread
        1151,  # too many delayed threads
        1180,  # error during COMMIT
        1181,  # error during ROLLBACK
        1257,  # out of memory for compression
        3015,  # engine out of memory
        3019,  # undo log full
        4139,  # index file full
    }
)
"""The server is short of memory, disk or threads."""
AWAY = frozenset(
    {
        1040,  # too many connections
        1043,  # bad handshake
        1047,  # Galera: not ready for queries
        1053,  # shutting down
        1077,  # normal shutdown
        1078,  # got a signal, aborting
        1079,  # shutdown complete
        1080,  # forcing a thread to close
        1129,  # host blocked after connection errors
        1152,  # aborted connection
        1154,  # read error from a pipe
        1156,  # packets out of order
        1157,  # packet does not uncompress
        1158,  # error reading packets
        1159,  # timeout reading packets
        1160,  # error writing packets
        1161,  # timeout writing packets
        1184,  # aborted connection
        1203,  # the user has too many connections
        1226,  # the user's resources are used up
        1835,  # malformed packet
        1927,  # connection killed
        2000,  # of the client: unknown
        2002,  # of the client, up to 2055: no socket
        2003,  # no connection
        2004,  # no socket can be made
        2005,  # unknown host
        2006,  # server has gone away
        2012,  # error in the handshake
        2013,  # lost connection
        2014,  # commands out of sync
        2027,  # malformed packet
        2055,  # lost connection, with the system's error
        3168,  # MySQL: server is not available
    }
)
"""The server, or the way to it, is not there now."""
READ_ONLY = frozenset(
    {
        1036,  # table is read-only
        1290,  # the server runs with an option such as --read-only
        1792,  # read-only transaction
        1836,  # read-only mode
        1874,  # InnoDB is read-only
        3100,  # MySQL group replication: this member takes no writes now
    }
)
"""It takes no writes now, as while another server takes over."""
INTERRUPTED = frozenset(
    {
        1028,  # sort aborted
        1317,  # query interrupted
        1931,  # interrupted, result may be incomplete
        1969,  # max_statement_time exceeded
        3024,  # MySQL: maximum statement time exceeded
    }
)
"""Somebody, or a limit of time, stopped the statement."""
TRANSIENT = ANOTHER_WORKS | SHORT_OF | AWAY | READ_ONLY | INTERRUPTED
"""All that pass by themselves: trying again is right."""
DENIED = frozenset(
    {
        1044,  # database denied
        1045,  # user denied
        1130,  # host not allowed
        1142,  # table denied
        1143,  # column denied
        1227,  # a privilege is needed
        1370,  # routine denied
        1698,  # user denied
        1820,  # the password must be set anew
        1862,  # the password has expired
        3118,  # MySQL: account locked
        3878,  # MySQL: blocked after wrong passwords
        4150,  # blocked after wrong passwords
        4151,  # account locked
    }
)
"""A person may give the right."""
NO_DATABASE = 1049
"""There is no such database: it may be made yet."""
# SQLite's words for what passes: another writer, no space, a read-only file system.
SQLITE_TRANSIENT = (
    "database is locked",
    "database table is locked",
    "database schema has changed",
    "database schema is locked",
    "unable to open",
    "disk is full",
    "disk I/O error",
    "readonly database",
    "out of memory",
    "locking protocol",
    "interrupted",
)


def error_code(origin: object) -> int | None:
    """The server's number of an error, None if it has none."""
    arguments = getattr(origin, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else None
