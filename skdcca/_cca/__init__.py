"""Linear and kernel canonical correlation analysis."""
