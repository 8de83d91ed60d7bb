"""Public test sets, and the scoreboard of surrogates and classical methods."""
