"""How `make notebooks` and the workflow execute the notebooks (read by `jupyter nbconvert`)."""

from nbconvert import HTMLExporter

c = get_config()  # noqa: F821
c.NbConvertApp.log_level = "ERROR"
c.ExecutePreprocessor.extra_arguments = ["--log-level=ERROR"]
c.ExecutePreprocessor.timeout = 600  # s of a cell, which takes seconds
# Executing again on the same results gives the same file.
c.ExecutePreprocessor.record_timing = False
c.NotebookExporter.preprocessors = ["nbconvert.preprocessors.ClearMetadataPreprocessor"]
c.ClearMetadataPreprocessor.enabled = True
c.ClearMetadataPreprocessor.preserve_nb_metadata_mask = {"kernelspec", ("language_info", "name")}
# Pages load nothing from the network.
for name in HTMLExporter.class_traits(config=True):
    if name.endswith("_url"):
        c.HTMLExporter[name] = ""
