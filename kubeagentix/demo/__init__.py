"""An embedded API server on loopback with broken and healthy workloads; it meets the rest over HTTP only."""
