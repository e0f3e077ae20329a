"""Runs in Kubernetes: `gauntlet k8s render` and `gauntlet k8s run`, by way of kubectl."""
