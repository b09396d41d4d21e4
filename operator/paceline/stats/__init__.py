"""Statistics without I/O: quantiles from histograms."""
