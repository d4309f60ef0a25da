"""The `expifref` command: one file per subcommand, thin over the packages."""
