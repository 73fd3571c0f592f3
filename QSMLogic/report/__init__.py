"""What a run says of itself: methods text, bibliography, provenance, figures."""
