"""Many members in one light process: what speed and scale are measured on, checked against a real API server."""
