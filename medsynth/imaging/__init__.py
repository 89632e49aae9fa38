"""Volumes in Hounsfield units, and reading and writing them."""
