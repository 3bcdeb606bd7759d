"""How to talk to Tryton 8.0 over JSON-RPC."""
