"""For every test, and the processes it starts."""

from __future__ import annotations

import os

# The suite runs a process on each core; torch with a thread for every core in each of them would only get in its own
# way. The real hub is never asked: what needs one starts its own on loopback.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"
# Nor is any real site: what does not bring a proxy of its own ends at a closed port.
os.environ["HTTPS_PROXY"] = os.environ["https_proxy"] = "http://127.0.0.1:9"
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
