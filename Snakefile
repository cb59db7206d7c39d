# Re-runs every experiment of the paper and rebuilds its tables and figures.
configfile: f"{workflow.basedir}/config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/common_notebooks.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/cam.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/evidence.smk"
include: "workflow/rules/notebooks.smk"


rule all:
    default_target: True
    input:
        tables=all_tables(),
        figures=all_figures(),
        audit=rules.audit.output,
        pages=all_pages(),
        evidence=all_evidence(),
        notebooks=all_notebooks(),
