"""Where to compute: one way to make a mask per file."""
