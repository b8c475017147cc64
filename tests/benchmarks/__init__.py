"""What an import costs, measured beside what people would use instead (``python -m tests.benchmarks``)."""
