"""Abstract Locust load shapes over the profiles."""
