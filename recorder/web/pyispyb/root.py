"""Where the API is."""

from __future__ import annotations

ROOT = "/ispyb/api/v1"
"""As py-ISPyB's; its page and clients have it compiled in."""
