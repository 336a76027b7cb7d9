"""Finding damage."""
