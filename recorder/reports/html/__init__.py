"""The report as a page that stands alone: no script, no request, for any browser."""
