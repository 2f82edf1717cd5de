"""Which series and events belong to which run; its ledger; when it is sealed."""
