"""Work to compare architectures on: datasets, trials, scorers."""
