"""Forms of the data that other tools open."""
