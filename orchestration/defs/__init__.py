"""The asset graph, by the same words as the top of the tree."""
