# From raw files, or phantoms in their place, to one array per data set and the split files.


# Synthetic images in the published layout of one family, with exact lesion masks.
rule phantom:
    output:
        raw=directory(f"{RESULTS}/phantoms/{{family}}/raw"),
        done=touch(f"{RESULTS}/phantoms/{{family}}/done"),
    log:
        f"{LOGS}/phantom/{{family}}.log",
    benchmark:
        f"{BENCHMARKS}/phantom/{{family}}.tsv"
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads_per_run
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        images=lambda w: SETTINGS.phantom_images[w.family],
        height=lambda w: SETTINGS.phantom_height[w.family],
        seed=SETTINGS.seeds[0],
        lesion_scale=SETTINGS.phantom_lesion_scale,
        patient_signal=SETTINGS.phantom_patient_signal,
        code=source_digest("paper_code.phantoms"),
    message:
        "Drawing the {wildcards.family} phantom"
    shell:
        "python -m paper_code phantom {wildcards.family} --output {output.raw}"
        " --images {params.images} --height {params.height} --seed {params.seed}"
        " --phantom-lesion-scale {params.lesion_scale} --phantom-patient-signal {params.patient_signal}"
        " --workers {threads} > {log} 2>&1"


# The list of a data set's images, checked, with its source and how complete it is.
rule manifest:
    input:
        phantom=lambda w: PLAN.phantom(w.dataset),
    output:
        manifest=f"{RESULTS}/prepared/{{dataset}}/manifest.csv",
        source=f"{RESULTS}/prepared/{{dataset}}/source.json",
    log:
        f"{LOGS}/manifest/{{dataset}}.log",
    benchmark:
        f"{BENCHMARKS}/manifest/{{dataset}}.tsv"
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads_per_run
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        where=lambda w: shlex.join(PLAN.raw_files(w.dataset)),
        seed=SETTINGS.seeds[0],
        # Real images that come or go make a new manifest.
        found=lambda w: PLAN.source(w.dataset)[1] if PLAN.source(w.dataset)[0] == "real" else "",
        code=source_digest("paper_code.datasets.prepare"),
    message:
        "Listing and checking {wildcards.dataset}"
    shell:
        "python -m paper_code manifest {params.where} --seed {params.seed}"
        " --workers {threads} --output {output.manifest} > {log} 2>&1"


# All images of a data set in one array of bytes at network size, with their masks.
rule prepare:
    input:
        manifest=f"{RESULTS}/prepared/{{dataset}}/manifest.csv",
        source=f"{RESULTS}/prepared/{{dataset}}/source.json",
    output:
        images=f"{RESULTS}/prepared/{{dataset}}/images.npy",
        masks=f"{RESULTS}/prepared/{{dataset}}/masks.npy",
    log:
        f"{LOGS}/prepare/{{dataset}}.log",
    benchmark:
        f"{BENCHMARKS}/prepare/{{dataset}}.tsv"
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads_per_run
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        size=lambda w: SETTINGS.of(w.dataset).image_size,
        folder=subpath(output.images, parent=True),
        code=source_digest("paper_code.datasets.prepare"),
    message:
        "Preparing {wildcards.dataset}"
    shell:
        "python -m paper_code prepare {input.manifest} --image-size {params.size} --workers {threads}"
        " --output {params.folder} > {log} 2>&1"


# Which image is in train, val and test.
rule split:
    input:
        manifest=f"{RESULTS}/prepared/{{dataset}}/manifest.csv",
    output:
        f"{RESULTS}/splits/{{dataset}}/{{by}}-{{split}}.csv",
    log:
        f"{LOGS}/split/{{dataset}}-{{by}}-{{split}}.log",
    benchmark:
        f"{BENCHMARKS}/split/{{dataset}}-{{by}}-{{split}}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=source_digest("paper_code.datasets.splits"),
    message:
        "Splitting {wildcards.dataset} by {wildcards.by}, seed {wildcards.split}"
    shell:
        "python -m paper_code split {input.manifest} --by {wildcards.by} --seed {wildcards.split}"
        " --output {output} > {log} 2>&1"
