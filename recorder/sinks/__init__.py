"""Apply journal records to the outside world, idempotently."""
