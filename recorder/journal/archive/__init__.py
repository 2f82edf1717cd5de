"""Old runs in files of their own: moved out of the journal, read, and brought back."""
