"""Deep canonical correlation analysis."""
