"""Has the images of runs classified: lessons, set-ups, dispatch."""
