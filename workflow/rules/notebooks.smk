# The notebooks, executed against this scale's results, and the table of epochs that they read.


# Losses, accuracies and seconds of every epoch.
rule convergence:
    input:
        runs=all_runs(),
        predictions=all_runs("predictions.csv"),
        histories=all_runs("history.csv"),
        timings=all_runs("timing.json"),
        code=source_files("paper_code.reporting.tables.convergence"),
    output:
        csv=f"{OUTPUT}tables/convergence.csv",
        md=f"{OUTPUT}tables/convergence.md",
    log:
        f"{LOGS}/tables/convergence.log",
    benchmark:
        f"{BENCHMARKS}/tables/convergence.tsv"
    conda:
        ENVIRONMENT
    params:
        scale=SCALE,
    message:
        "Convergence"
    shell:
        "python -m paper_code table convergence --runs {input.runs} --scale {params.scale}"
        " --output {output.csv} 2>&1 | tee {log}"


rule figure_convergence:
    input:
        table=rules.convergence.output.csv,
        code=source_files("paper_code.reporting.figures.convergence"),
    output:
        png=report(
            f"{OUTPUT}figures/convergence.png",
            caption="../report/figure.rst",
            category="Cost and convergence",
            labels={"result": "convergence"},
        ),
        pdf=f"{OUTPUT}figures/convergence.pdf",
    log:
        f"{LOGS}/figures/convergence.log",
    benchmark:
        f"{BENCHMARKS}/figures/convergence.tsv"
    conda:
        ENVIRONMENT
    message:
        "Figure convergence"
    shell:
        "python -m paper_code figure convergence --table {input.table} --output {output.png}"
        " 2>&1 | tee {log}"


# The channel weights that the trained gates give to the test images.
rule gate:
    input:
        runs=runs(DATASETS, GATED),
        predictions=runs(DATASETS, GATED, "predictions.csv"),
        weights=runs(DATASETS, GATED, "weights.safetensors"),
        sources=prepared(DATASETS),
        manifests=prepared(DATASETS, "manifest.csv"),
        images=prepared(DATASETS, "images.npy"),
        code=source_files("paper_code.reporting.tables.gate"),
    output:
        csv=f"{OUTPUT}tables/gate.csv",
        md=f"{OUTPUT}tables/gate.md",
    log:
        f"{LOGS}/tables/gate.log",
    benchmark:
        f"{BENCHMARKS}/tables/gate.tsv"
    conda:
        ENVIRONMENT
    resources:
        gpu=1 if cuda_device_count() else 0,
    params:
        prepared=lambda w, input: folders(input.sources),
        scale=SCALE,
    message:
        "Gate"
    shell:
        "python -m paper_code table gate --runs {input.runs} --prepared {params.prepared}"
        " --scale {params.scale} --output {output.csv} 2>&1 | tee {log}"


# Each notebook as a page, executed against the results of this run.
rule notebook:
    input:
        results=notebook_results,
        notebook=lambda w: NOTEBOOKS[w.name],
        code=lambda w: source_files(
            "paper_code.reporting.notebooks.execute", *modules_used(NOTEBOOKS[w.name])
        ),
    output:
        f"{RESULTS}/notebooks/{{name}}.html",
    log:
        f"{LOGS}/notebooks/{{name}}.log",
    benchmark:
        f"{BENCHMARKS}/notebooks/{{name}}.tsv"
    conda:
        ENVIRONMENT
    params:
        results=lambda w: OUTPUT or ".",
        folder=subpath(output[0], parent=True),
    message:
        "Notebook {wildcards.name}"
    shell:
        "python -m paper_code notebook {input.notebook} --results {params.results}"
        " --html {params.folder} 2>&1 | tee {log}"
