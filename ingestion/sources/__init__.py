"""One module a system: its dlt source, named by the system's slug."""
