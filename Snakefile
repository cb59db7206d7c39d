# Re-runs every experiment of the paper and rebuilds its tables and figures.
configfile: f"{workflow.basedir}/config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/cam.smk"
include: "workflow/rules/crossover.smk"
include: "workflow/rules/results.smk"


rule all:
    default_target: True
    input:
        results=PLAN.files(),
        report=REPORT,
        notebooks=expand(
            f"{RESULTS}/notebooks/{{path.stem}}.html", path=PLAN.notebooks(NOTEBOOKS.values())
        ),
        cards=PLAN.cards,
    message:
        "All tables, figures, notebooks and model cards, and the report"
