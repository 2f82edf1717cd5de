"""The run book: which series and events belong to which run, and when it ends."""
