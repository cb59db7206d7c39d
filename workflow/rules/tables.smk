# Tables from files alone: no images are decoded, no network is run.


# Table I: the stages of ResNet50, from its shapes.
rule table_01_resnet50:
    input:
        code=source_files("paper_code.reporting.tables.stages", NETWORKS["resnet50"]),
    output:
        csv=f"{OUTPUT}tables/table_01_resnet50.csv",
        md=f"{OUTPUT}tables/table_01_resnet50.md",
    log:
        f"{LOGS}/tables/table_01_resnet50.log",
    benchmark:
        f"{BENCHMARKS}/tables/table_01_resnet50.tsv"
    conda:
        ENVIRONMENT
    message:
        "Table 01"
    shell:
        "python -m paper_code table 01 --output {output.csv} 2>&1 | tee {log}"


# Tables III, IV and V: images of each class.
rule table_counts:
    input:
        sources=lambda w: prepared(SHOWN[w.name]),
        manifests=lambda w: prepared(SHOWN[w.name], "manifest.csv"),
        code=lambda w: source_files(f"paper_code.reporting.table_{w.name}"),
    output:
        csv=f"{OUTPUT}tables/table_{{name}}.csv",
        md=f"{OUTPUT}tables/table_{{name}}.md",
    log:
        f"{LOGS}/tables/table_{{name}}.log",
    benchmark:
        f"{BENCHMARKS}/tables/table_{{name}}.tsv"
    wildcard_constraints:
        name="03_breakhis|04_bach|05_mini_ddsm",
    conda:
        ENVIRONMENT
    params:
        number=lambda w: w.name[:2],
        prepared=lambda w, input: folders(input.sources),
        scale=SCALE,
    message:
        "Table {wildcards.name}"
    shell:
        "python -m paper_code table {params.number} --prepared {params.prepared}"
        " --scale {params.scale} --output {output.csv} 2>&1 | tee {log}"


# Table VI: images of each part.
rule table_06_splits:
    input:
        sources=prepared(DATASETS),
        manifests=prepared(DATASETS, "manifest.csv"),
        splits=[
            f"{RESULTS}/splits/{dataset}/{SETTINGS['splits']}-{SETTINGS['seeds'][0]}.csv"
            for dataset in DATASETS
        ],
        code=source_files("paper_code.reporting.tables.splits"),
    output:
        csv=f"{OUTPUT}tables/table_06_splits.csv",
        md=f"{OUTPUT}tables/table_06_splits.md",
    log:
        f"{LOGS}/tables/table_06_splits.log",
    benchmark:
        f"{BENCHMARKS}/tables/table_06_splits.tsv"
    conda:
        ENVIRONMENT
    params:
        prepared=lambda w, input: folders(input.sources),
        by=SETTINGS["splits"],
        scale=SCALE,
    message:
        "Table 06"
    shell:
        "python -m paper_code table 06 --prepared {params.prepared} --splits {input.splits}"
        " --by {params.by} --scale {params.scale} --output {output.csv} 2>&1 | tee {log}"


# Tables II, VII, VIII, XI and XII: test metrics of runs.
rule table_metrics:
    input:
        runs=lambda w: runs(*METRIC_TABLES[w.name]),
        predictions=lambda w: runs(*METRIC_TABLES[w.name], "predictions.csv"),
        code=lambda w: source_files(f"paper_code.reporting.table_{w.name}"),
    output:
        csv=f"{OUTPUT}tables/table_{{name}}.csv",
        md=f"{OUTPUT}tables/table_{{name}}.md",
    log:
        f"{LOGS}/tables/table_{{name}}.log",
    benchmark:
        f"{BENCHMARKS}/tables/table_{{name}}.tsv"
    wildcard_constraints:
        name="|".join(METRIC_TABLES),
    conda:
        ENVIRONMENT
    params:
        number=lambda w: w.name[:2],
        resamples=SETTINGS["bootstrap_resamples"],
        scale=SCALE,
    message:
        "Table {wildcards.name}"
    shell:
        "python -m paper_code table {params.number} --runs {input.runs}"
        " --resamples {params.resamples} --scale {params.scale} --output {output.csv}"
        " 2>&1 | tee {log}"


# Tables IX and X: parameters, multiply-adds and times.
rule table_cost:
    input:
        runs=lambda w: runs(*COST_TABLES[w.name]),
        predictions=lambda w: runs(*COST_TABLES[w.name], "predictions.csv"),
        timings=lambda w: runs(*COST_TABLES[w.name], "timing.json"),
        code=lambda w: source_files(f"paper_code.reporting.table_{w.name}", *NETWORKS.values()),
    output:
        csv=f"{OUTPUT}tables/table_{{name}}.csv",
        md=f"{OUTPUT}tables/table_{{name}}.md",
    log:
        f"{LOGS}/tables/table_{{name}}.log",
    benchmark:
        f"{BENCHMARKS}/tables/table_{{name}}.tsv"
    wildcard_constraints:
        name="|".join(COST_TABLES),
    conda:
        ENVIRONMENT
    params:
        number=lambda w: w.name[:2],
        scale=SCALE,
    message:
        "Table {wildcards.name}"
    shell:
        "python -m paper_code table {params.number} --runs {input.runs} --scale {params.scale}"
        " --output {output.csv} 2>&1 | tee {log}"


# A data set of one's own: its images, and the test metrics of every network on it.
rule table_own_data:
    input:
        source=f"{RESULTS}/prepared/{{dataset}}/source.json",
        manifest=f"{RESULTS}/prepared/{{dataset}}/manifest.csv",
        split=f"{RESULTS}/splits/{{dataset}}/{SETTINGS['splits']}-{SETTINGS['seeds'][0]}.csv",
        runs=lambda w: runs([w.dataset], SETTINGS["networks"]),
        predictions=lambda w: runs([w.dataset], SETTINGS["networks"], "predictions.csv"),
        code=source_files("paper_code.reporting.tables.own_data"),
    output:
        csv=f"{OUTPUT}tables/own_{{dataset}}.csv",
        md=f"{OUTPUT}tables/own_{{dataset}}.md",
    log:
        f"{LOGS}/tables/own_{{dataset}}.log",
    benchmark:
        f"{BENCHMARKS}/tables/own_{{dataset}}.tsv"
    conda:
        ENVIRONMENT
    params:
        prepared=subpath(input.source, parent=True),
        by=SETTINGS["splits"],
        resamples=SETTINGS["bootstrap_resamples"],
        scale=SCALE,
    message:
        "Table of {wildcards.dataset}"
    shell:
        "python -m paper_code table own_data --prepared {params.prepared} --splits {input.split}"
        " --runs {input.runs} --by {params.by} --resamples {params.resamples}"
        " --scale {params.scale} --output {output.csv} 2>&1 | tee {log}"
