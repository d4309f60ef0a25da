"""`python -m cli` is the `expifref` command."""

from .main import main

if __name__ == "__main__":
    main()
