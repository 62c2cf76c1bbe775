"""Helpers shared by every wing of the package."""
