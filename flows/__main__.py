"""`python -m flows` is `schakel`."""

from flows.cli import main

if __name__ == "__main__":
    main()
