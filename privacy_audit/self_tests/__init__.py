"""Planted copies, whether they are found, and what that says of the audit's power."""
