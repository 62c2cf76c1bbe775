"""Code that several benchmarks share; a script imports from here and from skdcca only."""
