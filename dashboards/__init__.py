"""What analysts look at: declarative pages over the published generation, read-only."""
