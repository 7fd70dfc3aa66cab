"""`python -m stacks.settings`: validate environment files, or print the schema of what may stand in them."""

import sys

from stacks.settings.command import main

sys.exit(main(sys.argv[1:]))
