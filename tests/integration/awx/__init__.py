"""What AWX is given: its data, its credentials, its execution environment."""
