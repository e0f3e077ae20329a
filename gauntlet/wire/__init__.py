"""Codecs without I/O, shared by clients and reference targets."""
