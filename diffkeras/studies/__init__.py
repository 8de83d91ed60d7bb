"""Studies: many runs, compared.

In the order in which a study goes through them: `study_file` reads a file into a `config.Study`,
`plan` lists its runs and what they need, `workflows` does them (of a `shard`, if asked),
`evaluations` reads what a run left, `results` gathers that into the tables of `study_data`, each of
the `analyses` answers a question from these, and `output` writes them into a `study_directory`.
"""
