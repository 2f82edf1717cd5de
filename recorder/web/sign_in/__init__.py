"""Who asks: sessions, tokens, and the door that looks at them."""
