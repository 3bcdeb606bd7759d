"""Outbox to systems: plan, ledger, engine, saga. Pure Python; knows no KPI, no Dagster and no dbt."""
