# Re-runs every experiment of the paper and rebuilds its tables and figures.
configfile: f"{workflow.basedir}/config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/common_notebooks.smk"
include: "workflow/rules/notebooks.smk"


rule all:
    default_target: True
    input:
        tables=all_tables(),
        figures=all_figures(),
        audit=rules.audit.output,
        notebooks=all_notebooks(),
