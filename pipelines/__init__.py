"""Orchestration: the stages, the command line, the project's configuration and the report."""
