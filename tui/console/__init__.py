"""The live console: what every agent is doing now, and the keys to pause, resume or end it."""
