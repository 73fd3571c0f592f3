"""From wrapped to unwrapped phase: one method per file."""
