"""Light or dark, with delay and evidence, for every image."""
