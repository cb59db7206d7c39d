# What holds of the paper: paired comparisons, leakage, balanced metrics, curves, claims, summary.


# DALAResNet50 against every other network, and its gate after layer 4 against other layers.
rule comparisons:
    input:
        runs=compared(),
        predictions=compared("predictions.csv"),
        code=source_files("paper_code.reporting.tables.paired"),
    output:
        csv=f"{OUTPUT}tables/comparisons.csv",
        md=f"{OUTPUT}tables/comparisons.md",
    log:
        f"{LOGS}/tables/comparisons.log",
    benchmark:
        f"{BENCHMARKS}/tables/comparisons.tsv"
    conda:
        ENVIRONMENT
    params:
        resamples=SETTINGS["bootstrap_resamples"],
        scale=SCALE,
    message:
        "Paired comparisons"
    shell:
        "python -m paper_code table comparisons --runs {input.runs}"
        " --resamples {params.resamples} --scale {params.scale} --output {output.csv}"
        " 2>&1 | tee {log}"


# MCC, balanced accuracy, AUC and calibration.
rule balanced:
    input:
        runs=runs(DATASETS, SETTINGS["networks"]),
        predictions=runs(DATASETS, SETTINGS["networks"], "predictions.csv"),
        code=source_files("paper_code.reporting.tables.balanced"),
    output:
        csv=f"{OUTPUT}tables/balanced.csv",
        md=f"{OUTPUT}tables/balanced.md",
    log:
        f"{LOGS}/tables/balanced.log",
    benchmark:
        f"{BENCHMARKS}/tables/balanced.tsv"
    conda:
        ENVIRONMENT
    params:
        resamples=SETTINGS["bootstrap_resamples"],
        scale=SCALE,
    message:
        "Balanced metrics"
    shell:
        "python -m paper_code table balanced --runs {input.runs}"
        " --resamples {params.resamples} --scale {params.scale} --output {output.csv}"
        " 2>&1 | tee {log}"


# Reliability diagrams, ROC and precision-recall curves.
rule curves:
    input:
        runs=runs(DATASETS, SETTINGS["networks"]),
        predictions=runs(DATASETS, SETTINGS["networks"], "predictions.csv"),
        code=lambda w: source_files(f"paper_code.reporting.figure_{w.kind}"),
    output:
        png=report(
            f"{OUTPUT}figures/{{kind}}.png",
            caption="../report/figure.rst",
            category="Further evidence",
            labels={"result": "{kind}"},
        ),
        pdf=f"{OUTPUT}figures/{{kind}}.pdf",
    log:
        f"{LOGS}/figures/{{kind}}.log",
    benchmark:
        f"{BENCHMARKS}/figures/{{kind}}.tsv"
    wildcard_constraints:
        kind="|".join(CURVES),
    conda:
        ENVIRONMENT
    params:
        scale=SCALE,
    message:
        "Figure {wildcards.kind}"
    shell:
        "python -m paper_code figure {wildcards.kind} --runs {input.runs} --scale {params.scale}"
        " --output {output.png} 2>&1 | tee {log}"


# The same networks on parts drawn by image and by patient.
rule leakage:
    input:
        runs=leaked(),
        predictions=leaked("predictions.csv"),
        sources=prepared(LEAKED[0]),
        manifests=prepared(LEAKED[0], "manifest.csv"),
        images=prepared(LEAKED[0], "images.npy"),
        code=source_files("paper_code.reporting.tables.leakage"),
    output:
        csv=f"{OUTPUT}tables/leakage.csv",
        md=f"{OUTPUT}tables/leakage.md",
    log:
        f"{LOGS}/tables/leakage.log",
    benchmark:
        f"{BENCHMARKS}/tables/leakage.tsv"
    conda:
        ENVIRONMENT
    params:
        prepared=lambda w, input: folders(input.sources),
        resamples=SETTINGS["bootstrap_resamples"],
        scale=SCALE,
    message:
        "Leakage"
    shell:
        "python -m paper_code table leakage --runs {input.runs} --prepared {params.prepared}"
        " --resamples {params.resamples} --scale {params.scale} --output {output.csv}"
        " 2>&1 | tee {log}"


rule figure_leakage:
    input:
        table=rules.leakage.output.csv,
        code=source_files("paper_code.reporting.figures.leakage"),
    output:
        png=report(
            f"{OUTPUT}figures/leakage.png",
            caption="../report/figure.rst",
            category="Further evidence",
            labels={"result": "leakage"},
        ),
        pdf=f"{OUTPUT}figures/leakage.pdf",
    log:
        f"{LOGS}/figures/leakage.log",
    benchmark:
        f"{BENCHMARKS}/figures/leakage.tsv"
    conda:
        ENVIRONMENT
    message:
        "Figure leakage"
    shell:
        "python -m paper_code figure leakage --table {input.table} --output {output.png}"
        " 2>&1 | tee {log}"


# Each claim of abstract and conclusions: how tested, the result, the verdict.
rule claims:
    input:
        tables=claim_tables(),
        code=source_files("paper_code.reporting.claims.table"),
    output:
        csv=f"{OUTPUT}tables/claims.csv",
        md=f"{OUTPUT}tables/claims.md",
    log:
        f"{LOGS}/tables/claims.log",
    benchmark:
        f"{BENCHMARKS}/tables/claims.tsv"
    conda:
        ENVIRONMENT
    params:
        scale=SCALE,
    message:
        "Claims"
    shell:
        "python -m paper_code claims --tables {input.tables} --scale {params.scale}"
        " --output {output.csv} 2>&1 | tee {log}"


# One page: what was reproduced, what agrees, what does not, what could not be tested and why.
rule summary:
    input:
        tables=summary_tables(),
        code=source_files("paper_code.reporting.claims.summary"),
    output:
        f"{OUTPUT}tables/summary.md",
    log:
        f"{LOGS}/tables/summary.log",
    benchmark:
        f"{BENCHMARKS}/tables/summary.tsv"
    conda:
        ENVIRONMENT
    params:
        scale=SCALE,
    message:
        "Summary"
    shell:
        "python -m paper_code summary --tables {input.tables} --scale {params.scale}"
        " --output {output} 2>&1 | tee {log}"
