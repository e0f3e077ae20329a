"""Measurement: what every request took, per endpoint, merged across workers without loss."""
