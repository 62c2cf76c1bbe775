"""Provide helpers that all parts of the package share."""
