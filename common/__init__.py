"""What every layer may import: the clock, the settings and the state folder.

The lowest layer. Nothing here knows a system, a KPI or an orchestrator; a helper that only one layer
needs belongs in that layer.
"""
