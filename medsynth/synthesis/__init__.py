"""Synthesis: translated volumes and the files they are handed over in."""
