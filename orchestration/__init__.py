"""When, and in what order. The only package that imports Dagster; it stays thin and holds no business rule."""
