"""Agents that fail in each of the known ways, and one that does not."""
