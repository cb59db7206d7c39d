# What `snakemake --report` shows besides the figures: the tables as pages, grouped by experiment.


# Tables as HTML, because a browser does not show Markdown. One job: it takes a second.
rule report_pages:
    input:
        tables=report_tables(),
        code=source_files("paper_code.reporting.html"),
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
        folder=subpath(output[0], parent=True),
    message:
        "Pages of the tables for the report"
    shell:
        "python -m paper_code page {input.tables} --output {params.folder} 2>&1 | tee {log}"
