"""The live page, the read API and the metrics: a process of its own.

It reads the daemon's live state and, read-only, the journal; nothing here can hold the
daemon up (docs/decisions/0023-web-process.md).
"""
