"""The control store's schema, step by step. A step that was released is never edited; add the next one."""
