"""Event chains as they were seen, held against the declared ones."""
