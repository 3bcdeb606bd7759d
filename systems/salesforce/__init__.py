"""How to talk to a Salesforce org."""
