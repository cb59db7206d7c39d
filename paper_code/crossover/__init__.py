"""Does a split by image flatter? Every test patient once known and once unknown to the network.

`design` draws the repeats, `frozen` and `fine_tuned` train and test, `patients` sums up by patient,
`tables` compares. docs/results/crossover_protocol.md says what was decided before the runs.
"""
