# Class activation maps of DALAResNet50: scores of every image, then Tables XIII, XIV and Figure 7.


# Maps of all methods on the test images of one run, scored against the lesions.
rule cam:
    input:
        run=f"{RESULTS}/runs/{{dataset}}/{{network}}/{{by}}-{{seed}}/run.json",
        predictions=f"{RESULTS}/runs/{{dataset}}/{{network}}/{{by}}-{{seed}}/predictions.csv",
        weights=f"{RESULTS}/runs/{{dataset}}/{{network}}/{{by}}-{{seed}}/weights.safetensors",
        images=f"{RESULTS}/prepared/{{dataset}}/images.npy",
        masks=f"{RESULTS}/prepared/{{dataset}}/masks.npy",
        code=source_files("paper_code.cam.evaluation", NETWORKS["dalaresnet50"]),
    output:
        facts=f"{RESULTS}/cam/{{dataset}}/{{network}}/{{by}}-{{seed}}/cam.json",
        regions=f"{RESULTS}/cam/{{dataset}}/{{network}}/{{by}}-{{seed}}/regions.csv",
        maps=f"{RESULTS}/cam/{{dataset}}/{{network}}/{{by}}-{{seed}}/maps.csv",
        stages=f"{RESULTS}/cam/{{dataset}}/{{network}}/{{by}}-{{seed}}/stages.csv",
        randomization=f"{RESULTS}/cam/{{dataset}}/{{network}}/{{by}}-{{seed}}/randomization.csv",
        example=f"{RESULTS}/cam/{{dataset}}/{{network}}/{{by}}-{{seed}}/example.npz",
    log:
        f"{LOGS}/cam/{{dataset}}-{{network}}-{{by}}-{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/cam/{{dataset}}-{{network}}-{{by}}-{{seed}}.tsv"
    conda:
        ENVIRONMENT
    threads: SETTINGS["threads_per_run"]
    resources:
        gpu=1 if cuda_device_count() else 0,
    params:
        run=subpath(input.run, parent=True),
        prepared=subpath(input.images, parent=True),
        folder=subpath(output.facts, parent=True),
        options=options(
            "cam_images",
            "scorecam_images",
            "cam_copies",
            "cam_sigma",
            "cam_kernel",
            "cam_precision",
        ),
    message:
        "Maps of {wildcards.network} on {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "python -m paper_code cam --run {params.run} --prepared {params.prepared} {params.options}"
        " --threads {threads} --output {params.folder} 2>&1 | tee {log}"


# Tables XIII and XIV, the paired comparisons, the ablation and faithfulness.
rule table_cam:
    input:
        cams=cams(CAM_DATASETS),
        regions=cams(CAM_DATASETS, "regions.csv"),
        maps=cams(CAM_DATASETS, "maps.csv"),
        stages=cams(CAM_DATASETS, "stages.csv"),
        randomization=cams(CAM_DATASETS, "randomization.csv"),
        code=lambda w: source_files(f"paper_code.reporting.{w.name}"),
    output:
        csv=f"{OUTPUT}tables/{{name}}.csv",
        md=f"{OUTPUT}tables/{{name}}.md",
    log:
        f"{LOGS}/tables/{{name}}.log",
    benchmark:
        f"{BENCHMARKS}/tables/{{name}}.tsv"
    wildcard_constraints:
        name="|".join(CAM_TABLES),
    conda:
        ENVIRONMENT
    params:
        number=lambda w: CAM_TABLES[w.name],
        resamples=SETTINGS["bootstrap_resamples"],
        scale=SCALE,
    message:
        "Table {wildcards.name}"
    shell:
        "python -m paper_code table {params.number} --cams {input.cams}"
        " --resamples {params.resamples} --scale {params.scale} --output {output.csv}"
        " 2>&1 | tee {log}"


# Figure 7, and the steps of DT Grad-CAM on one image for the notebook.
rule figure_07_cam_comparison:
    input:
        cams=cams(BREAKHIS or CAM_DATASETS),
        examples=cams(BREAKHIS or CAM_DATASETS, "example.npz"),
        code=source_files("paper_code.reporting.figures.cam_comparison"),
    output:
        png=report(
            f"{OUTPUT}figures/figure_07_cam_comparison.png",
            caption="../report/figure_07_cam_comparison.rst",
            category="Explanations",
            labels={"result": "figure_07_cam_comparison"},
        ),
        pdf=f"{OUTPUT}figures/figure_07_cam_comparison.pdf",
        steps=f"{OUTPUT}figures/figure_07_steps.npz",
    log:
        f"{LOGS}/figures/figure_07_cam_comparison.log",
    benchmark:
        f"{BENCHMARKS}/figures/figure_07_cam_comparison.tsv"
    conda:
        ENVIRONMENT
    params:
        scale=SCALE,
    message:
        "Figure 07"
    shell:
        "python -m paper_code figure 07 --cams {input.cams} --scale {params.scale}"
        " --output {output.png} 2>&1 | tee {log}"
