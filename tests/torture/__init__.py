"""Runs of the collection on real clusters that are killed, disturbed and doubled: `make torture`."""
