"""What users would run instead."""
