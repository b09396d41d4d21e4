"""paceline: a Kubernetes operator that takes AI applications to the public at the pace their evidence supports."""
