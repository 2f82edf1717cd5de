"""Bytes that nobody meant well, into everything that takes bytes from outside."""
