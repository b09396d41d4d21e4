"""The embedded cluster: a real one-node Kubernetes on a bare Linux machine, without Docker."""
