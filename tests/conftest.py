"""Settings of all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, configuration, settings

from tests.prepare import ROOT

configuration.set_hypothesis_home_dir(ROOT / "build" / "hypothesis")
# Both of these measure how busy the machine is, and that Hypothesis builds its tables of letters once per checkout.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("here")
