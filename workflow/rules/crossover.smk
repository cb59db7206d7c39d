# Each test patient once known and once unknown to a network with ImageNet weights: real images alone.


# Frozen features and a logistic head; data sets joined by "+" are put together.
rule crossover_frozen:
    output:
        f"{RESULTS}/crossover/frozen-{{datasets}}.csv",
    log:
        f"{LOGS}/crossover/frozen-{{datasets}}.log",
    benchmark:
        f"{BENCHMARKS}/crossover/frozen-{{datasets}}.tsv"
    priority: 1  # minutes, and the first answer of a run with real images
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads_per_run
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        training="frozen",
        datasets=lambda w: w.datasets.split("+"),
        data_root=SETTINGS.data_root,
        found=lambda w: [PLAN.source(name)[1] for name in w.datasets.split("+")],
        repeats=SETTINGS.crossover_frozen,
        seeds=[0, 1],  # the second shows what another draw of the patients changes
        code=source_digest("paper_code.crossover.runs", network_module("efficientnet_lite0")),
    message:
        "Crossover of known and unknown patients, {params.training}, {wildcards.datasets}"
    shell:
        "python -m paper_code crossover {params.training} --datasets {params.datasets}"
        " --data-root {params.data_root:q} --repeats {params.repeats} --seeds {params.seeds}"
        " --threads {threads}"
        " --output {output} > {log} 2>&1"


# All layers trained, without a gate and with each; finished trainings are kept beside the output.
use rule crossover_frozen as crossover_fine_tuned with:
    output:
        f"{RESULTS}/crossover/fine-tuned-{{datasets}}.csv",
    log:
        f"{LOGS}/crossover/fine-tuned-{{datasets}}.log",
    benchmark:
        f"{BENCHMARKS}/crossover/fine-tuned-{{datasets}}.tsv"
    priority: 0
    resources:
        mem_mb=8000,
        runtime=2880,
    params:
        training="fine-tuned",
        datasets=lambda w: w.datasets.split("+"),
        data_root=SETTINGS.data_root,
        found=lambda w: [PLAN.source(name)[1] for name in w.datasets.split("+")],
        repeats=SETTINGS.crossover_fine_tuned,
        seeds=[0],
        code=source_digest("paper_code.crossover.runs", network_module("efficientnet_lite0")),
