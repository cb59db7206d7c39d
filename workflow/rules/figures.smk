# Figures, each as .png and .pdf.


# Figures 1 and 2: DALAResNet50 and its gate, from the module's own shapes.
rule figure_architecture:
    input:
        code=lambda w: source_files(
            f"paper_code.reporting.figure_{w.name}", NETWORKS["dalaresnet50"]
        ),
    output:
        png=report(
            f"{OUTPUT}figures/figure_{{name}}.png",
            caption="../report/figure_architecture.rst",
            category="Architecture",
            labels={"result": "figure_{name}"},
        ),
        pdf=f"{OUTPUT}figures/figure_{{name}}.pdf",
    log:
        f"{LOGS}/figures/figure_{{name}}.log",
    benchmark:
        f"{BENCHMARKS}/figures/figure_{{name}}.tsv"
    wildcard_constraints:
        name="01_framework|02_dalaresnet50",
    conda:
        ENVIRONMENT
    params:
        number=lambda w: w.name[:2],
    message:
        "Figure {wildcards.name}"
    shell:
        "python -m paper_code figure {params.number} --output {output.png} 2>&1 | tee {log}"


# Figures 3, 4 and 5: sample images of each class.
rule figure_samples:
    input:
        sources=lambda w: prepared(SHOWN[w.name]),
        manifests=lambda w: prepared(SHOWN[w.name], "manifest.csv"),
        code=lambda w: source_files(f"paper_code.reporting.figure_{w.name}_samples"),
    output:
        png=report(
            f"{OUTPUT}figures/figure_{{name}}_samples.png",
            caption="../report/figure_samples.rst",
            category="Data sets",
            labels={"result": "figure_{name}_samples"},
        ),
        pdf=f"{OUTPUT}figures/figure_{{name}}_samples.pdf",
    log:
        f"{LOGS}/figures/figure_{{name}}_samples.log",
    benchmark:
        f"{BENCHMARKS}/figures/figure_{{name}}_samples.tsv"
    wildcard_constraints:
        name="03_breakhis|04_bach|05_mini_ddsm",
    conda:
        ENVIRONMENT
    params:
        number=lambda w: w.name[:2],
        prepared=lambda w, input: folders(input.sources),
        scale=SCALE,
    message:
        "Figure {wildcards.name}"
    shell:
        "python -m paper_code figure {params.number} --prepared {params.prepared}"
        " --scale {params.scale} --output {output.png} 2>&1 | tee {log}"


# Figure 6: confusion matrices of the two networks on BreakHis.
rule figure_06_confusion_matrices:
    input:
        runs=runs(BREAKHIS, CONFUSED or SETTINGS["networks"][:1]),
        predictions=runs(BREAKHIS, CONFUSED or SETTINGS["networks"][:1], "predictions.csv"),
        code=source_files("paper_code.reporting.figures.confusion_matrices"),
    output:
        png=report(
            f"{OUTPUT}figures/figure_06_confusion_matrices.png",
            caption="../report/figure_06_confusion_matrices.rst",
            category="Classification",
            labels={"result": "figure_06_confusion_matrices"},
        ),
        pdf=f"{OUTPUT}figures/figure_06_confusion_matrices.pdf",
    log:
        f"{LOGS}/figures/figure_06_confusion_matrices.log",
    benchmark:
        f"{BENCHMARKS}/figures/figure_06_confusion_matrices.tsv"
    conda:
        ENVIRONMENT
    params:
        scale=SCALE,
    message:
        "Figure 06"
    shell:
        "python -m paper_code figure 06 --runs {input.runs} --scale {params.scale}"
        " --output {output.png} 2>&1 | tee {log}"
