"""The rows of each technique."""
