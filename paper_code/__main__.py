"""`python -m paper_code COMMAND`: see paper_code/cli.py."""

import sys

from paper_code.cli import main

if __name__ == "__main__":
    sys.exit(main())
