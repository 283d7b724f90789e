"""Runs agents as subprocesses and rules on what they may do."""
