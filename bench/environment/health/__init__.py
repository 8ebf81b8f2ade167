"""Reads the health of a server and its pooler, again and again, with as few rights as a monitoring role has."""
