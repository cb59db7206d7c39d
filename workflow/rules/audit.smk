# What the paper's own numbers prove by arithmetic: needs no data and no training.
rule audit:
    input:
        code=source_files("paper_code.audit", *NETWORKS.values()),
    output:
        csv=f"{OUTPUT}tables/audit.csv",
        md=f"{OUTPUT}tables/audit.md",
    log:
        f"{LOGS}/tables/audit.log",
    benchmark:
        f"{BENCHMARKS}/tables/audit.tsv"
    conda:
        ENVIRONMENT
    params:
        folder=subpath(output.csv, parent=True),
    message:
        "Auditing the paper's numbers"
    shell:
        "python -m paper_code audit --output {params.folder} 2>&1 | tee {log}"
