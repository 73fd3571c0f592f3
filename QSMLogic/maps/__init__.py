"""Further maps of the same acquisition, beside the susceptibility: one method per file."""
