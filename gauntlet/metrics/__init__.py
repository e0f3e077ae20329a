"""The run's figures for Prometheus, told where runs are judged: `--metrics-port`."""
