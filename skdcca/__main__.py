"""``python -m skdcca`` is the command ``skdcca``."""

import sys

from skdcca.cli import main

sys.exit(main())
