"""Gates from end to end: stored runs, the command line, its outputs."""
