"""False alarms a shift, delays, and causes, on simulated runs."""
