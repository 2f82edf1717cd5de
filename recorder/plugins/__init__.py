"""What is installed beside and within the recorder: entry points, looked at once."""
