"""The mixed network: a backbone whose layers serve all domains in one batch."""
