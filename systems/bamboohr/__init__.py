"""How to talk to BambooHR."""
