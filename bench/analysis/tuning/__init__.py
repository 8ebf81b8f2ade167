"""Advice that is proven: candidates, the pairs that decide on each, and what is kept."""
