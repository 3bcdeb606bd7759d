"""How to talk to a NetSuite account: SuiteQL for reading, the record API for writing."""
