"""Kantata OX (formerly Mavenlink): settings and client."""
