"""The record: events, runs, checkpoints, intents and commands, in SQLite."""
