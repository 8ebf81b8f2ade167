"""Composition: the only place that knows environment, load, store, analysis and report together."""
