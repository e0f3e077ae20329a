"""Codecs without I/O, shared by load clients and reference targets."""
