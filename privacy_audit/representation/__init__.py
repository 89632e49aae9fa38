"""Whom the synthetic images stand for, and whether they repeat each other."""
