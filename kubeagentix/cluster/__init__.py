"""A real API server: kubeconfig, client, discovery, reading a snapshot."""
