"""Patients, their series, the contrast phase of each, and their roles."""
