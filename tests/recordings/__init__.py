"""What a terminal shows of every command: normally, on a mistake, and interrupted. Recorded from real runs."""
