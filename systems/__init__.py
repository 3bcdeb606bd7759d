"""How to talk to an outside system: authentication, paging, limits, errors.

No dlt, no Dagster, no SQL of ours, no business words. One folder a system (`settings.py`, `client.py`);
what all of them share is `http.py` and `errors.py`.
"""
