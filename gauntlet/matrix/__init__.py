"""The file server under every combination of dimensions: `gauntlet matrix file-server`."""
