"""From a suite file to the plan of a run: arms, trials, identity, confounds, estimates."""
