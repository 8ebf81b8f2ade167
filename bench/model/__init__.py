"""What everything talks about: scenarios, samples, facts, ports and errors. Values only, no I/O."""
