"""Does a split by image flatter? Every test patient once known and once unknown to the network.

`design` draws the repeats, `runs` trains and tests, `patients` sums up by patient,
`compare` compares. docs/results/crossover_protocol.md says what was decided before the runs.
"""
