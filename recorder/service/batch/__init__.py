"""Many files at once: each a run of its own, replayed by a task somewhere."""
