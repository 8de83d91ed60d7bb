"""The pictures and tables of the documentation; `python -m docs.pictures` draws what is stored."""
