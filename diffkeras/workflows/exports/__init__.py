"""Surrogates as files for other runtimes: checked, timed, then put in place."""
