"""Synthetic non-contrast CT from contrast-enhanced CT: what things are, how they are computed."""

__version__ = "0.1.0"
