"""Which trials, in which order, with which arrivals and arguments: decided before anything runs. Pure."""
