"""The vendors' protocols over HTTP: auth, paging, throttling, upsert rules, error bodies. Stateful and mean."""
