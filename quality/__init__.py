"""What may enter, what may be believed, what may leave. The only package that imports Great Expectations."""
