"""Studies: many runs, compared.

In the order in which a study goes through them: `study_file` reads a file into a
`studies.study.Study`, `plan` lists its runs and what they need, `workflows.study_runs` does them,
`results` gathers what they left into the tables of `study_data`, each of the `analyses` answers a
question from these, and `report` writes them into a `study_directory`.
"""
