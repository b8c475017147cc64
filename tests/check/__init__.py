"""The driver of ``make test``: stages of checks, a report of each, and one line that sums them up."""
