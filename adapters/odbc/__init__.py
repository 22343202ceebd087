"""The odbc adapter: systems that write a row into a table and wait until its answer stands there."""

from adapters.odbc.transport import adapter

__all__ = ["adapter"]
