"""The user portal's proposals, people and sessions, written into ISPyB without harm."""
