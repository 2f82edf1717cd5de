"""The live page in a terminal, from the same files as the web page."""
