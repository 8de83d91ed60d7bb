"""Studies: many runs, compared.

In the order in which a study goes through them: `study_file` reads a file into a
`studies.study.Study`, `plan` lists its runs and what they need, `cost` adds up what they take,
`runs` does them, `results` gathers what they left into the tables of `study_data`,
`answer` compares the values of each factor, `figure` draws their errors, and `report` writes all
into a `study_directory`.
"""

from diffkeras.system.packages import lazy_names

_MODULES = {
    "Cost": "diffkeras.studies.cost",
    "PlannedRun": "diffkeras.studies.study",
    "Study": "diffkeras.studies.study",
    "cost_of": "diffkeras.studies.cost",
    "load_study": "diffkeras.studies.study_file",
    "plan_study": "diffkeras.studies.plan:plan",
    "run_study": "diffkeras.studies.runs.run_study",
}
__getattr__, __dir__ = lazy_names(__name__, _MODULES)
