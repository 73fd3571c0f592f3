"""The subcommands of `qsm`: each module adds one to the parser and does its work."""
