"""poolbench: how big should the pool be, which queries miss their budget, what would help, by how much."""

__version__ = "0.1.0"
