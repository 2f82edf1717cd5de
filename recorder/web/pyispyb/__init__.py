"""`/ispyb/api/v1`: what py-ISPyB's page and client ask, answered from ISPyB's tables.

The same addresses, envelopes and names as py-ISPyB has them, and over them what the
recorder knows of its own runs at this moment. See docs/reference/pyispyb-api.md.
"""
