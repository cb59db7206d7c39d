# What `snakemake --report` shows: figures as they are, tables as pages, grouped by experiment.

# The experiment of a table, by how its name begins; others stand under the last.
EXPERIMENTS = {
    "Data sets": ("table_03", "table_04", "table_05", "table_06"),
    "Architecture": ("table_01",),
    "Layer placement": ("table_02",),
    "Classification": ("table_07", "table_08"),
    "Diagnostics": ("table_11", "table_12"),
    "Cost and convergence": ("table_09", "table_10"),
    "Explanations": ("table_13", "table_14"),
    "Audit of the paper": ("audit",),
    "Own data": ("own_",),
    "Further evidence": ("",),
}


def experiment(name):
    """The experiment that a table belongs to."""
    return next(title for title, starts in EXPERIMENTS.items() if name.startswith(starts))


def caption(name):
    """A table's caption file, below workflow/report."""
    name = "own_data" if name.startswith("own_") else name
    own = f"{workflow.basedir}/workflow/report/{name}.rst"
    return own if os.path.exists(own) else f"{workflow.basedir}/workflow/report/table.rst"


def report_tables():
    """Every table's Markdown page, the audit's included."""
    return [path for path in [*all_tables(), *rules.audit.output] if path.endswith(".md")]


def all_pages():
    """The same as HTML, for the report."""
    names = [os.path.splitext(os.path.basename(path))[0] for path in report_tables()]
    return [f"{RESULTS}/report/{name}.html" for name in names]


# Tables as HTML, because a browser does not show Markdown. One job: it takes a second.
rule report_pages:
    input:
        tables=report_tables(),
        code=source_files("paper_code.reporting.page"),
    output:
        [
            report(
                page,
                caption=caption(os.path.basename(page)[: -len(".html")]),
                category=experiment(os.path.basename(page)),
                labels={"result": os.path.basename(page)[: -len(".html")]},
            )
            for page in all_pages()
        ],
    log:
        f"{LOGS}/report_pages.log",
    benchmark:
        f"{BENCHMARKS}/report_pages.tsv"
    conda:
        ENVIRONMENT
    params:
        folder=f"{RESULTS}/report",
    message:
        "Pages of the tables for the report"
    shell:
        "python -m paper_code page {input.tables} --output {params.folder} 2>&1 | tee {log}"
