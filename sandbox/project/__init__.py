"""The firm's truth in each vendor's raw shape. One module a system; no protocol here (that is `fakes`)."""
