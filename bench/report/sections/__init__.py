"""The sections of a report: each module turns measured values into exactly what its part of the page prints."""
