"""Making phase fit for unwrapping: one method per file."""
