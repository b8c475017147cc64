"""Real Kubernetes clusters on this machine, and stand-ins for what KubeSphere runs in them."""
