"""Samples and facts in, measurements, findings and verdicts out. Pure."""
