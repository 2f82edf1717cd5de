"""Who may see what, explained and changed: behind ``recorder access``."""
