"""The rules: pure functions over the journal's events."""
