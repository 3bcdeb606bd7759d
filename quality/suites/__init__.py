"""Expectation suites of this border."""
