"""Several runs that belong together: the steps of a progression, or one run per fault."""
