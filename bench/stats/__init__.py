"""Numbers only: this room imports nothing of ours, does no I/O, and takes its randomness as an argument."""
