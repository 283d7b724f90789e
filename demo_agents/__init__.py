"""Agents that fail in each of the known ways, and some that do not."""
