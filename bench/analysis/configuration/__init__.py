"""Server and pooler configuration from facts: every value with its formula, its inputs and its source."""
