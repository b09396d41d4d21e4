"""Statistics without I/O: quantiles from histograms and sketches, and what an objective counts."""
