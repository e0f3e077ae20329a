"""Abstract Locust user classes, one module per system; hand a subclass to `locust -f`."""
