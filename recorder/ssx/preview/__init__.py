"""From an image to what people look at: a picture, and where spots should be."""
