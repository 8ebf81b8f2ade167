"""The load generator: worker processes that drive real pools and write down when each thing happened."""
