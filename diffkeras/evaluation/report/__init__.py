"""The files, tables and figures that an evaluation leaves."""
