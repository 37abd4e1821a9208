"""The live reader: a cluster through its own Kubernetes API."""
