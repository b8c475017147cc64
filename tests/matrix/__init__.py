"""The road of a fleet, gone with every ansible-core that is supported: see ``tests/check/matrix.py``."""
