"""Tests of the driver of the tests, and of what prepares them."""
