"""Studies: many runs, compared.

In the order in which a study goes through them: `study_file` reads a file into a `plan` of runs,
`cost` adds up what they take, `study_run` does them, one by one or in several `processes`,
`results` gathers their `evaluations` into tables, `answer` compares the values of each factor,
and `report` writes all, with a figure, into a `study_directory`.
"""

from diffkeras.system.packages import lazy_names

_MODULES = {
    "Cost": "diffkeras.studies.cost",
    "PlannedRun": "diffkeras.studies.plan",
    "Study": "diffkeras.studies.plan",
    "cost_of": "diffkeras.studies.cost",
    "detectable": "diffkeras.studies.answer",
    "label_of": "diffkeras.studies.plan",
    "load_study": "diffkeras.studies.study_file",
    "plan_study": "diffkeras.studies.plan:plan",
    "run_study": "diffkeras.studies.study_run",
}
__getattr__, __dir__ = lazy_names(__name__, _MODULES, tensorflow=("run_study",))
