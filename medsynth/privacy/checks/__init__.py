"""Checks that try to refute what a private training claims of itself."""
