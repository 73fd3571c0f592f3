"""What zero means in the map: one way to set it per file."""
