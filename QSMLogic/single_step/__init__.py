"""From an earlier stage straight to susceptibility, in place of the stages between: one method per file."""
