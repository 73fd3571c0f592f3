"""From the echoes' phase to the total field in ppm: one method per file."""
