"""The report: one self-contained page on what was made, what it is worth and what it leaks."""
