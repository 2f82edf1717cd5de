"""Reads ISPyB's tables, whoever wrote them, into typed records."""
