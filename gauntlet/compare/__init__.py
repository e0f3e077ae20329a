"""Two sides of runs laid side by side: what changed, how sure that is, what counts as worse."""
