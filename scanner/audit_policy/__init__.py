"""Kubernetes' audit policy as kube-apiserver reads it; pure, and usable on its own."""
