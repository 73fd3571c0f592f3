"""From the total to the local field: one method per file."""
