"""The attacks of the audit, one a file; each gives one check."""
