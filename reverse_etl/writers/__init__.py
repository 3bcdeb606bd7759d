"""One module a target: a delivery's payload to the system's client, and the client's answer to an outcome."""
