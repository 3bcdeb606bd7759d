"""The parts of the NetSuite fake: `sandbox/fakes/netsuite.py` puts them together."""
