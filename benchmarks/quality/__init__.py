"""How well images are classified, against a truth that the finder does not know."""
