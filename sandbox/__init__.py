"""A simulated firm and its systems, over real HTTP. Imported by tests and by the demo command only."""
