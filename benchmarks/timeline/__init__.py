"""How right the timeline is, and what it costs: patterns x faults x rates."""
