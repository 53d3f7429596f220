"""`python -m kubeagentix`, the same as the `kubeagentix` program."""

from __future__ import annotations

import sys

from kubeagentix.cli.app import main

sys.exit(main())
