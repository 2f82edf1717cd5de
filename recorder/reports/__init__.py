"""What people and programs read: reports, statistics, explanations."""
