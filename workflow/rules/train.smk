# One run: a network trained on a data set's split, and its predictions.

RUN = f"{RESULTS}/runs/{{dataset}}/{{network}}/{{by}}-{{split}}-{{seed}}"
WEIGHTS = f"{RUN}/weights.safetensors"
# Data sets whose runs keep their weights. A regular expression that matches nothing stands for none.
KEPT = "|".join(dict.fromkeys(r.dataset for r in PLAN.runs if PLAN.keeps_weights(r))) or "(?!)"
OF_RUN = {
    "run": f"{RUN}/run.json",
    "predictions": f"{RUN}/predictions.csv",
    "history": f"{RUN}/history.csv",
    "timing": f"{RUN}/timing.json",
}


rule train:
    input:
        images=f"{RESULTS}/prepared/{{dataset}}/images.npy",
        manifest=f"{RESULTS}/prepared/{{dataset}}/manifest.csv",
        source=f"{RESULTS}/prepared/{{dataset}}/source.json",
        split=f"{RESULTS}/splits/{{dataset}}/{{by}}-{{split}}.csv",
    output:
        **OF_RUN,
        weights=temp(WEIGHTS),
    log:
        f"{LOGS}/train/{{dataset}}-{{network}}-{{by}}-{{split}}-{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/train/{{dataset}}-{{network}}-{{by}}-{{split}}-{{seed}}.tsv"
    wildcard_constraints:
        dataset=rf"(?!(?:{KEPT})/)\w+",
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads_per_run
    resources:
        gpu=GPU,
        mem_mb=16000,
        runtime=240,
    params:
        prepared=subpath(input.images, parent=True),
        folder=subpath(output.run, parent=True),
        # Outside the outputs, which Snakemake removes when a job is interrupted.
        checkpoints=f"{RESULTS}/checkpoints/{{dataset}}-{{network}}-{{by}}-{{split}}-{{seed}}",
        # Read from the file of settings; a changed one trains anew.
        settings=lambda w: SETTINGS.of(w.dataset, w.network).part("run"),
        code=network_code("paper_code.training.run"),
    message:
        "Training {wildcards.network} on {wildcards.dataset}, split by {wildcards.by} {wildcards.split}, seed {wildcards.seed}"
    shell:
        "python -m paper_code train {wildcards.network} --prepared {params.prepared}"
        " --split {input.split} --seed {wildcards.seed}"
        f" --configfile {CHOSEN} --dataset {{wildcards.dataset}}"
        " --threads {threads} --checkpoints {params.checkpoints} --output {params.folder}"
        " > {log} 2>&1"


# The same where the weights stay: `predict` and `explain` need them.
use rule train as train_to_keep with:
    output:
        **OF_RUN,
        weights=WEIGHTS,
    wildcard_constraints:
        dataset=KEPT,


# What weights that stay are, and what they are worth, beside them.
rule card:
    input:
        run=OF_RUN["run"],
        predictions=OF_RUN["predictions"],
        weights=WEIGHTS,
    output:
        f"{RUN}/model_card.md",
    log:
        f"{LOGS}/card/{{dataset}}-{{network}}-{{by}}-{{split}}-{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/card/{{dataset}}-{{network}}-{{by}}-{{split}}-{{seed}}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        folder=subpath(output[0], parent=True),
        code=source_digest("paper_code.inference.card"),
    message:
        "Model card of {wildcards.network} on {wildcards.dataset}, split by {wildcards.by} {wildcards.split}, seed {wildcards.seed}"
    shell:
        "python -m paper_code card {params.folder} > {log} 2>&1"
