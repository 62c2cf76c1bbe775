"""Code shared by the benchmarks; scripts import only from here and from skdcca."""
