"""Systems to raw, with dlt. The only package that imports dlt; runs alone, without the orchestrator."""
