"""Reports: the run record is computed once, everything else only writes it."""
