"""What an agent imports."""

__version__ = "0.1.0"
