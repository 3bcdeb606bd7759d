"""The headline figures, each a command that measures ours beside its peers in one run. Not tests: nothing here fails."""
