"""Long runs and overload, with a real daemon, broker and database: ``make soak``."""
