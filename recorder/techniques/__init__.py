"""What the recorder records: each technique in a file, as a plug-in."""
