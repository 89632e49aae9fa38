"""Traces of real patients beside the pixels: in headers, names, texts, archives and weights."""
