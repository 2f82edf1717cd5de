"""People and their rights, as the site's own tables have them."""
