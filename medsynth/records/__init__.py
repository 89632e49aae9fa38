"""What the program writes down: atomic folders, manifests, provenance, metrics, settings."""
