"""The gate: one side judged by budgets, and against another side that it can be compared with."""
