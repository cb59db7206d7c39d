# Class activation maps of the networks to explain.


# Maps of all methods on the test images of one run, scored against the lesions.
rule cam:
    input:
        run=f"{RESULTS}/runs/{{dataset}}/{{network}}/{{by}}-{{split}}-{{seed}}/run.json",
        predictions=f"{RESULTS}/runs/{{dataset}}/{{network}}/{{by}}-{{split}}-{{seed}}/predictions.csv",
        weights=f"{RESULTS}/runs/{{dataset}}/{{network}}/{{by}}-{{split}}-{{seed}}/weights.safetensors",
        images=f"{RESULTS}/prepared/{{dataset}}/images.npy",
        masks=f"{RESULTS}/prepared/{{dataset}}/masks.npy",
    output:
        facts=f"{RESULTS}/cam/{{dataset}}/{{network}}/{{by}}-{{split}}-{{seed}}/cam.json",
        regions=f"{RESULTS}/cam/{{dataset}}/{{network}}/{{by}}-{{split}}-{{seed}}/regions.csv",
        maps=f"{RESULTS}/cam/{{dataset}}/{{network}}/{{by}}-{{split}}-{{seed}}/maps.csv",
        tuning=f"{RESULTS}/cam/{{dataset}}/{{network}}/{{by}}-{{split}}-{{seed}}/tuning.csv",
        examples=f"{RESULTS}/cam/{{dataset}}/{{network}}/{{by}}-{{split}}-{{seed}}/examples.npz",
    log:
        f"{LOGS}/cam/{{dataset}}-{{network}}-{{by}}-{{split}}-{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/cam/{{dataset}}-{{network}}-{{by}}-{{split}}-{{seed}}.tsv"
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads_per_run
    resources:
        gpu=GPU,
        mem_mb=16000,
        runtime=240,
    params:
        run=subpath(input.run, parent=True),
        prepared=subpath(input.images, parent=True),
        folder=subpath(output.facts, parent=True),
        # Read from the file of settings; a changed one scores the maps anew.
        settings=lambda w: SETTINGS.of(w.dataset).part("cam"),
        code=network_code("paper_code.cam.evaluation"),
    message:
        "Maps of {wildcards.network} on {wildcards.dataset}, split {wildcards.split}, seed {wildcards.seed}"
    shell:
        "python -m paper_code cam --run {params.run} --prepared {params.prepared}"
        f" --configfile {CHOSEN} --dataset {{wildcards.dataset}}"
        " --threads {threads} --output {params.folder} > {log} 2>&1"


# The steps of DT Grad-CAM on one image, which a notebook shows.
rule steps:
    input:
        **PLAN.inputs(PLAN.find("figure", "figure_07_cam_comparison")) if PLAN.steps else {},
    output:
        f"{OUTPUT}figures/figure_07_steps.npz",
    log:
        f"{LOGS}/figures/figure_07_steps.log",
    benchmark:
        f"{BENCHMARKS}/figures/figure_07_steps.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        code=source_digest("paper_code.reporting.notebooks.steps"),
    message:
        "Steps of DT Grad-CAM on one image"
    shell:
        "python -m paper_code steps --cams {input.cams} --output {output} > {log} 2>&1"
