"""A real Tryton 8.0 as CRM, PSA and ERP of a demo firm: its environment, its template databases, its server.

Nothing here imports trytond or proteus: they are GPL, live in an environment of their own and run as processes of
their own. The scripts in `inside/` are run by that environment's Python. How the platform talks to Tryton is
`systems/tryton`, and knows nothing of this package.
"""
