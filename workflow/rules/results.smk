# Tables, figures and pages from files alone; what each is made from is in the catalogue of results
# (paper_code/reporting/catalogue/results.yaml).

TABLES, FIGURES = PLAN.names("table"), PLAN.names("figure")
REPORT = f"{RESULTS}/report.html"
NOTEBOOKS = {path.stem: path for path in Path(workflow.basedir, "notebooks").glob("*.ipynb")}


rule table:
    input:
        unpack(inputs("table")),
    output:
        csv=f"{OUTPUT}tables/{{name}}.csv",
        md=f"{OUTPUT}tables/{{name}}.md",
    log:
        f"{LOGS}/tables/{{name}}.log",
    benchmark:
        f"{BENCHMARKS}/tables/{{name}}.tsv"
    wildcard_constraints:
        name="|".join(name for name in TABLES if name != "crossover"),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        arguments=arguments("table"),
        declared=lambda w: entry("table")(w).declared,
        code=lambda w: result_digest(entry("table")(w)),
    message:
        "Table {wildcards.name}"
    shell:
        "python -m paper_code table {params.arguments} --output {output.csv} > {log} 2>&1"


# The first answer of a run with real images.
use rule table as table_crossover with:
    wildcard_constraints:
        name="crossover",
    priority: 1


rule figure:
    input:
        unpack(inputs("figure")),
    output:
        png=report(
            f"{OUTPUT}figures/{{name}}.png",
            caption="../report/result.rst",
            category=lambda w: entry("figure")(w).group,
            labels={"result": "{name}"},
        ),
        pdf=f"{OUTPUT}figures/{{name}}.pdf",
    log:
        f"{LOGS}/figures/{{name}}.log",
    benchmark:
        f"{BENCHMARKS}/figures/{{name}}.tsv"
    wildcard_constraints:
        name="|".join(FIGURES),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        arguments=arguments("figure"),
        caption=lambda w: entry("figure")(w).caption,
        declared=lambda w: entry("figure")(w).declared,
        code=lambda w: result_digest(entry("figure")(w)),
    message:
        "Figure {wildcards.name}"
    shell:
        "python -m paper_code figure {params.arguments} --output {output.png} > {log} 2>&1"


# What was reproduced and what was not, on one page.
rule summary:
    input:
        **PLAN.inputs(PLAN.find("page", "summary")) if PLAN.names("page") else {},
    output:
        f"{OUTPUT}tables/summary.md",
    log:
        f"{LOGS}/tables/summary.log",
    benchmark:
        f"{BENCHMARKS}/tables/summary.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        scale=PLAN.scale,
        code=source_digest("paper_code.reporting.claims.summary"),
    message:
        "Summary"
    shell:
        "python -m paper_code summary --tables {input.tables} --scale {params.scale}"
        " --output {output} > {log} 2>&1"


# Everything on one page that opens with the answer, or with your own data; a browser needs nothing else.
rule report:
    input:
        tables=[f"{OUTPUT}tables/{name}.csv" for name in TABLES],
        pages=[f"{OUTPUT}tables/{name}.md" for name in TABLES],
        figures=[f"{OUTPUT}figures/{name}.png" for name in FIGURES],
        summary=PLAN.files("page"),
    output:
        report(
            REPORT,
            caption="../report/page.rst",
            category="Summary",
            labels={"result": "report"},
        ),
    log:
        f"{LOGS}/report.log",
    benchmark:
        f"{BENCHMARKS}/report.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        phantoms=config["chosen"]["phantoms"],
        # An edited caption makes a new report, and nothing else.
        captions=[planned.result.caption for planned in PLAN.results],
        code=source_digest("paper_code.reporting.html"),
    message:
        "Report"
    shell:
        "python -m paper_code report --tables {input.tables} --figures {input.figures}"
        " --summary {input.summary} --phantoms {params.phantoms} --output {output} > {log} 2>&1"


# Each notebook as a page, executed against the results of this run.
rule notebook:
    input:
        results=PLAN.files(),
        steps=PLAN.steps,
        notebook=lambda w: NOTEBOOKS[w.name],
        config=f"{workflow.basedir}/notebooks/jupyter_nbconvert_config.py",
    output:
        f"{RESULTS}/notebooks/{{name}}.html",
    log:
        f"{LOGS}/notebooks/{{name}}.log",
    benchmark:
        f"{BENCHMARKS}/notebooks/{{name}}.tsv"
    wildcard_constraints:
        name="|".join(NOTEBOOKS),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        results=lambda w: OUTPUT or ".",
        folder=subpath(output[0], parent=True),
        code=source_digest(
            *(f"paper_code.reporting.notebooks.{name}" for name in ("display", "plots", "steps"))
        ),
    message:
        "Notebook {wildcards.name}"
    shell:
        "PAPER_CODE_RESULTS=$(realpath {params.results}) jupyter nbconvert --config {input.config}"
        " --execute --to html --output-dir {params.folder} {input.notebook} > {log} 2>&1"
