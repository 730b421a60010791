"""Instructions as people type them, on start poses that differ; and descriptions that are followed as instructions."""
