"""Who proposes patterns: controllers, the campaign that runs them, the study log, the run."""
